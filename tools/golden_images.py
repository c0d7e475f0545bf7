#!/usr/bin/env python3
"""golden_images.py: writes tests/io/golden_images.inc and tests/fuzz/corpus/fuzz_image/ with Pillow as the reference.

Needs Pillow (Debian: python3-pil; run with /usr/bin/python3 from the root of the repository). Pictures are noise from a hash,
so the C++ side makes the same ones; what Pillow makes of them is kept as the first 16 digits of a SHA-256."""
import hashlib
import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

CORPUS = Path("tests/fuzz/corpus/fuzz_image")
FILTERS = {"nearest": Image.NEAREST, "box": Image.BOX, "bilinear": Image.BILINEAR, "hamming": Image.HAMMING,
           "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
FILL = (10, 20, 30)


def splitmix(x):
    mask = (1 << 64) - 1
    x = (x + 0x9E3779B97F4A7C15) & mask
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
    return x ^ (x >> 31)


def noise(h, w, c, seed=0):
    data = bytes(splitmix(seed * 1000003 + i) & 255 for i in range(h * w * c))
    return Image.frombytes({1: "L", 3: "RGB", 4: "RGBA"}[c], (w, h), data)


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()[:16]


def resize_cases():
    sizes = [((37, 53), (16, 24)), ((16, 24), (37, 53)), ((50, 40), (50, 13)), ((50, 40), (9, 40)), ((1, 1), (7, 5)),
             ((120, 3), (2, 90)), ((97, 101), (96, 100)), ((64, 64), (1, 1)), ((31, 31), (31, 31)), ((375, 500), (146, 195))]
    for name, filter in FILTERS.items():
        for (h, w), (oh, ow) in sizes:
            for c in (1, 3):
                if h == 375 and c == 1:
                    continue
                yield f'GOLDEN_RESIZE({name}, {h}, {w}, {c}, {oh}, {ow}, "{digest(noise(h, w, c).resize((ow, oh), filter))}")'


def op_cases():
    affine = lambda im, m: im.transform(im.size, Image.AFFINE, m, resample=Image.BILINEAR, fillcolor=FILL)

    def hue(im, turn):
        h, s, v = im.convert("HSV").split()
        return Image.merge("HSV", (h.point(lambda x: (x + int(turn * 255)) % 256), s, v)).convert("RGB")

    ops = [("brightness", lambda im, f: ImageEnhance.Brightness(im).enhance(f), (0, 0.3, 1.7)),
           ("contrast", lambda im, f: ImageEnhance.Contrast(im).enhance(f), (0, 0.3, 1.7)),
           ("saturation", lambda im, f: ImageEnhance.Color(im).enhance(f), (0, 0.3, 1.7)),
           ("sharpness", lambda im, f: ImageEnhance.Sharpness(im).enhance(f), (0, 0.3, 1.7)),
           ("hue", hue, (-0.4, 0.1, 0.5)),
           ("autocontrast", lambda im, f: ImageOps.autocontrast(im), (0,)),
           ("equalize", lambda im, f: ImageOps.equalize(im), (0,)),
           ("invert", lambda im, f: ImageOps.invert(im), (0,)),
           ("posterize", lambda im, f: ImageOps.posterize(im, f), (0, 1, 4)),
           ("solarize", lambda im, f: ImageOps.solarize(im, f), (0, 100, 256)),
           ("rotate", lambda im, f: im.rotate(f, resample=Image.BILINEAR, fillcolor=FILL), (-27, 12.5)),
           ("shear_x", lambda im, f: affine(im, (1, f, 0, 0, 1, 0)), (-0.2, 0.3)),
           ("translate_y", lambda im, f: affine(im, (1, 0, 0, 0, 1, f)), (-7.5, 4)),
           ("flip_horizontal", lambda im, f: ImageOps.mirror(im), (0,)),
           ("flip_vertical", lambda im, f: ImageOps.flip(im), (0,))]
    # Not the whole range, so that autocontrast and the clipping of the others have something to do.
    image = noise(41, 30, 3).point(lambda v: v * 3 // 5 + 60)
    for name, op, arguments in ops:
        for a in arguments:
            yield f'GOLDEN_OP({name}, {a}, "{digest(op(image, a))}")'


def encoded(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced_png16(h, w):
    """Pillow writes neither 16-bit RGB nor Adam7."""
    sample = lambda y, x, c: splitmix((y * w + x) * 3 + c) & 0xFFFF
    raw = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for y in range(y0, h, dy):
            if x0 < w:
                raw += b"\0" + b"".join(struct.pack(">3H", *(sample(y, x, c) for c in range(3))) for x in range(x0, w, dx))
    head = struct.pack(">IIBBBBB", w, h, 16, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def exif_block(orientation, next_ifd=0):
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + bytes([0, orientation, 0, 0]) + struct.pack(">I", next_ifd)


def files():
    small = noise(12, 17, 3).resize((34, 24), Image.BICUBIC)
    grey, rgba = small.convert("L"), noise(12, 17, 4).resize((34, 24), Image.BICUBIC)
    palette = small.quantize(16)
    jpeg = encoded(small, "JPEG", quality=75)
    cmyk = encoded(small.convert("CMYK"), "JPEG", quality=75)
    at = cmyk.index(b"Adobe") + 11
    xmp = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta/>"
    app1 = lambda data: b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data
    yield "444.jpg", encoded(small, "JPEG", quality=90, subsampling=0)
    yield "420.jpg", jpeg
    yield "progressive.jpg", encoded(small, "JPEG", quality=75, progressive=True)
    yield "grey.jpg", encoded(grey, "JPEG", quality=75)
    yield "cmyk.jpg", cmyk
    yield "ycck.jpg", cmyk[:at] + b"\x02" + cmyk[at + 1:]
    yield "exif6.jpg", jpeg[:2] + app1(xmp) + app1(b"Exif\0\0" + exif_block(6, 8)) + jpeg[2:]
    yield "rgb.png", encoded(small, "PNG")
    yield "rgba.png", encoded(rgba, "PNG")
    yield "grey_alpha.png", encoded(rgba.convert("LA"), "PNG")
    yield "bits1.png", encoded(grey.convert("1"), "PNG")
    yield "palette4_trns.png", encoded(palette, "PNG", transparency=3)
    yield "interlaced16.png", interlaced_png16(9, 13)
    yield "exif3.png", (png := encoded(grey, "PNG"))[:33] + chunk(b"eXIf", exif_block(3)) + png[33:]
    yield "lossy.webp", encoded(small, "WEBP", quality=60)
    yield "lossless_alpha.webp", encoded(rgba, "WEBP", lossless=True)


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    lines = ["// Made by tools/golden_images.py with Pillow; do not edit."]
    lines += list(resize_cases()) + list(op_cases())
    for name, data in files():
        (CORPUS / name).write_bytes(data)
        image = Image.open(io.BytesIO(data))
        turned = ImageOps.exif_transpose(image).convert("RGB")
        lines.append(f'GOLDEN_FILE("{name}", {image.height}, {image.width}, "{digest(image.convert("RGB"))}", "{digest(turned)}")')
    (CORPUS / "animated.webp").write_bytes(encoded(noise(4, 4, 3), "WEBP", save_all=True, append_images=[noise(4, 4, 3, 1)]))
    Path("tests/io/golden_images.inc").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
