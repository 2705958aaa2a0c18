"""What the metrics compare pictures by: the 1280 pooled features of MobileNetV2 1.0 224 (ImageNet), in float32.

The weights are those of `mobilenet_v2_1.0_224_quant.tflite` (Apache-2.0), from github.com/google-coral/test_data; its 8-bit
weights are turned into floats, activations are not rounded. That file is not part of this repository:

    curl -LO https://github.com/google-coral/test_data/raw/master/mobilenet_v2_1.0_224_quant.tflite

Pictures are uint8 [n, h, w, 3] RGB or [n, h, w, 4] RGBA with straight alpha, the bytes of a PNG. Transparent ones are
laid over mid grey (0.5), all are enlarged to 224x224, bilinearly (align_corners=False), and scaled to [-1, 1].
"""

import numpy as np
import tflite
import torch
import torch.nn.functional as F
from torch import nn

SIZE = 224
GREY = 0.5
Operator = tflite.BuiltinOperator
CONV, DEPTHWISE, ADD, POOL = Operator.CONV_2D, Operator.DEPTHWISE_CONV_2D, Operator.ADD, Operator.AVERAGE_POOL_2D
OPTIONS = {CONV: tflite.Conv2DOptions, DEPTHWISE: tflite.DepthwiseConv2DOptions, ADD: tflite.AddOptions}


def to_bytes(x, alpha):
    """[n, c, h, w] in [-1, 1] -> uint8 [n, h, w, c] as the engine writes a PNG; alpha: None or "premultiplied"."""
    v = ((x.clamp(-1, 1) + 1) / 2).permute(0, 2, 3, 1)
    if alpha == "premultiplied":
        clear = (v[..., 3:] * 255 + 0.5).floor() == 0
        v = torch.cat([torch.where(clear, 0.0, v[..., :3] / v[..., 3:]).clamp(max=1), v[..., 3:]], -1)
    return (v * 255 + 0.5).to(torch.uint8)


def flatten(pictures):
    """Bytes of a PNG -> float RGB [n, 3, h, w] in [0, 1], transparency over mid grey."""
    v = pictures.permute(0, 3, 1, 2).float() / 255
    if v.shape[1] == 3:
        return v
    return v[:, :3] * v[:, 3:] + GREY * (1 - v[:, 3:])


def same(x, kernel, stride):
    """TensorFlow's SAME padding: the odd pixel goes right and below."""
    pads = []
    for size, k in ((x.shape[3], kernel[1]), (x.shape[2], kernel[0])):
        total = max((-(-size // stride) - 1) * stride + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads) if any(pads) else x


class Layer(nn.Module):
    """One convolution or addition of the file: options, and weights as floats (weight -> [out, in / groups, h, w])."""

    def __init__(self, graph, buffers, kind, operator):
        super().__init__()
        table = operator.BuiltinOptions()
        options = OPTIONS[kind]()
        options.Init(table.Bytes, table.Pos)
        self.kind, self.relu6 = kind, options.FusedActivationFunction() == tflite.ActivationFunctionType.RELU6
        inputs = operator.InputsAsNumpy().tolist()
        self.inputs, self.output = inputs[: 2 if kind == ADD else 1], operator.Outputs(0)
        if kind != ADD:
            weight, bias = (dequantised(graph.Tensors(i), buffers) for i in inputs[1:3])
            order = (0, 3, 1, 2) if kind == CONV else (3, 0, 1, 2)
            self.register_buffer("weight", weight.permute(order).contiguous(memory_format=torch.channels_last))
            self.register_buffer("bias", bias)
            self.stride, self.same = options.StrideH(), options.Padding() == tflite.Padding.SAME

    def forward(self, x, other=None):
        if self.kind == ADD:
            y = x + other
        else:
            x = same(x, self.weight.shape[2:], self.stride) if self.same else x
            y = F.conv2d(x, self.weight, self.bias, self.stride, groups=1 if self.kind == CONV else x.shape[1])
        return y.clamp_(0, 6) if self.relu6 else y


def dequantised(tensor, buffers):
    """(stored - zero point) * scale, float32; 8-bit weights and 32-bit biases."""
    kinds = {tflite.TensorType.UINT8: np.uint8, tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}
    raw = buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    values = np.frombuffer(raw, kinds[tensor.Type()]).reshape(tensor.ShapeAsNumpy())
    q = tensor.Quantization()
    return torch.from_numpy((values.astype(np.float32) - float(q.ZeroPoint(0))) * q.Scale(0))


class MobileNetV2(nn.Module):
    """[n, 3, 224, 224] in [-1, 1] -> [n, 1280]: the file's operators up to the pooling."""

    def __init__(self, path):
        super().__init__()
        with open(path, "rb") as file:
            data = file.read()
        if not tflite.Model.ModelBufferHasIdentifier(data, 0):
            raise ValueError(f"{path} is no TFLite file")
        model = tflite.Model.GetRootAs(data)
        graph = model.Subgraphs(0)
        codes = [model.OperatorCodes(i) for i in range(model.OperatorCodesLength())]
        kinds = [max(c.BuiltinCode(), c.DeprecatedBuiltinCode()) for c in codes]
        self.input, self.layers = graph.Inputs(0), nn.ModuleList()
        for operator in map(graph.Operators, range(graph.OperatorsLength())):
            kind = kinds[operator.OpcodeIndex()]
            if kind == POOL:
                break
            if kind not in OPTIONS:
                raise ValueError(f"{path}: operator {kind} before the pooling; only MobileNetV2's are known here")
            self.layers.append(Layer(graph, model.Buffers, kind, operator))
        last = {i: n for n, layer in enumerate(self.layers) for i in layer.inputs}
        self.done = [[i for i, n in last.items() if n == k] for k in range(len(self.layers))]

    def forward(self, pixels):
        values = {self.input: pixels}
        for layer, done in zip(self.layers, self.done):
            values[layer.output] = layer(*(values[i] for i in layer.inputs))
            for i in done:
                del values[i]
        return values[layer.output].mean((2, 3))

    @torch.inference_mode()
    def describe(self, pictures):
        """uint8 [n, h, w, 3 or 4] -> float32 [n, 1280], on the processor."""
        device, parts = self.layers[0].weight.device, []
        for part in pictures.split(2 if device.type == "cpu" else 128):  # two fit into a processor's cache
            pixels = flatten(part.to(device))
            pixels = F.interpolate(pixels, (SIZE, SIZE), mode="bilinear", align_corners=False) * 2 - 1
            parts.append(self(pixels.contiguous(memory_format=torch.channels_last)).cpu())
        return torch.cat(parts)
