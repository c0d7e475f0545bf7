"""The part of tools/verify_onnx that runs in ONNX Runtime's Python."""
import collections
import csv
import glob
import io
import os
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-4
MOST_PARAMS = 10_000_000


def default_models():
    text = subprocess.run(["build/fovea", "models", "--format", "csv"], check=True, capture_output=True, text=True).stdout
    rows = sorted(csv.DictReader(io.StringIO(text)), key=lambda row: int(row["params"]))
    families = set()
    for row in rows:
        if int(row["params"]) <= MOST_PARAMS or row["family"] not in families:
            yield row["name"]
        families.add(row["family"])


def run(path, inputs):
    """The output of the model for the inputs, which lie one after the other in `inputs`."""
    onnx.checker.check_model(path, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {}
    for x in session.get_inputs():
        size = int(numpy.prod(x.shape))
        feeds[x.name], inputs = inputs[:size].reshape(x.shape), inputs[size:]
    return session.run(["logits"], feeds)[0].ravel()


def verify(path):
    """Whether the model at path.onnx gives path.logits for path.inputs."""
    name = os.path.basename(path)
    try:
        ours = numpy.fromfile(path + ".logits", "<f4")
        theirs = run(path + ".onnx", numpy.fromfile(path + ".inputs", "<f4"))
        scale = numpy.abs(ours).max()
        error = numpy.abs(theirs - ours).max() / max(scale, 1e-3)
        good = bool(error <= TOLERANCE)
        print(f"{'pass' if good else 'FAIL'}  {name:40}  error {error:.1e} of the largest output, {scale:.3g}", flush=True)
        return good
    except Exception as e:  # whatever an engine throws is a failure of this model alone
        print(f"FAIL  {name:40}  {str(e)[:300]}", flush=True)
        return False


def cases(names):
    """Writes each model and gives its path, then those of all operators' cases; None for a model that cannot be written."""
    for name in names or default_models():
        with tempfile.TemporaryDirectory() as folder:
            made = subprocess.run(["build/onnx_case", folder, name], capture_output=True, text=True)
            print(made.stderr, end="", flush=True)
            yield None if made.stderr else os.path.join(folder, name)
    if names:
        return
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run(["build/onnx_case", folder], check=True, capture_output=True, text=True)
        missing = collections.Counter(line.split(".")[0] for line in made.stderr.splitlines())
        for op, count in missing.items():
            print(f"none  {op}, {count} cases")
        yield from (path.removesuffix(".onnx") for path in sorted(glob.glob(glob.escape(folder) + "/*.onnx")))


def main():
    print(f"ONNX Runtime {onnxruntime.__version__}, onnx {onnx.__version__}")
    results = [path is not None and verify(path) for path in cases(sys.argv[1:])]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 7)


main()
