"""One peer's side of run: `engines.py ENGINE MODEL.onnx THREADS` loads the model, prints a line of JSON (version, load_ms,
logits for fixed pixels), then answers every line "SECONDS" with a line of milliseconds, one for each run in that time.
Each engine at the settings that its documentation recommends for latency, all numbers 32-bit floats."""
import json
import os
import subprocess
import sys
import time

import numpy


def onnxruntime_engine(path, threads, image):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_session_config_entry("session.intra_op.allow_spinning", "1")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return ort.__version__, lambda: session.run(["logits"], {"image": image})[0]


def openvino_engine(path, threads, image):
    import openvino
    core = openvino.Core()
    model = core.compile_model(path, "CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads,
                                             "INFERENCE_PRECISION_HINT": "f32"})
    request = model.create_infer_request()
    request.set_input_tensor(openvino.Tensor(image, shared_memory=True))

    def run():
        request.infer()
        return request.get_output_tensor().data

    return openvino.__version__.split("-")[0], run


def ncnn_engine(path, threads, image):
    if image.shape[0] != 1:
        raise RuntimeError("ncnn has no batches")
    import ncnn
    tool = os.path.join(os.path.dirname(ncnn.__file__), "../pnnx/pnnx")
    shape = ",".join(str(d) for d in image.shape)
    subprocess.run([tool, path, f"inputshape=[{shape}]", "fp16=0"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, cwd=os.path.dirname(path))
    net = ncnn.Net()
    net.opt.num_threads = threads
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.opt.use_bf16_storage = False
    stem = path.removesuffix(".onnx") + ".ncnn"
    if net.load_param(stem + ".param") or net.load_model(stem + ".bin"):
        raise RuntimeError("ncnn cannot load what pnnx made")
    pixels = ncnn.Mat(image[0]).clone()

    def run():
        with net.create_extractor() as extractor:
            extractor.input("in0", pixels)
            code, out = extractor.extract("out0")
        if code:
            raise RuntimeError(f"ncnn: error {code}")
        return numpy.array(out)

    return ncnn.__version__, run


def main():
    name, path, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    shape = json.loads(sys.argv[4])
    image = numpy.random.default_rng(1).standard_normal(shape).astype("f4")
    start = time.perf_counter()
    version, run = globals()[name + "_engine"](path, threads, image)
    loaded = time.perf_counter() - start
    logits = numpy.array(run()).ravel()
    print(json.dumps({"version": version, "load_ms": 1e3 * loaded, "logits": logits.tolist()}), flush=True)
    for line in sys.stdin:
        run(), run()
        times, begin = [], time.perf_counter()
        while len(times) < 5 or time.perf_counter() - begin < float(line):
            start = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)


main()
