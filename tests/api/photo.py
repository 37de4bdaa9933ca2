"""The features of one image, by the shared library and nothing else: photo.py LIBRARY WEIGHTS IMAGE"""
import ctypes
import sys

lib = ctypes.CDLL(sys.argv[1])
pointer, text = ctypes.c_void_p, ctypes.c_char_p
lib.as_lab_error.restype = text
lib.as_lab_net_dim.restype = ctypes.c_size_t
for name in ("as_lab_error", "as_lab_net_dim", "as_lab_net_close", "as_lab_close"):
    getattr(lib, name).argtypes = [pointer]
lib.as_lab_open.argtypes = [pointer, pointer]
lib.as_lab_net_open.argtypes = [pointer, pointer, text, pointer]
lib.as_lab_net_encoded.argtypes = [pointer, text, ctypes.c_size_t, pointer]

lab, net = pointer(), pointer()
assert lib.as_lab_open(ctypes.byref(lab), None) == 0, lib.as_lab_error(lab)
assert lib.as_lab_net_open(lab, ctypes.byref(net), sys.argv[2].encode(), None) == 0, lib.as_lab_error(lab)
image = open(sys.argv[3], "rb").read()
x = (ctypes.c_float * lib.as_lab_net_dim(net))()
assert lib.as_lab_net_encoded(net, image, len(image), x) == 0, lib.as_lab_error(lab)
sys.stdout.buffer.write(bytes(x))
lib.as_lab_net_close(net)
lib.as_lab_close(lab)
