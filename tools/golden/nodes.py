"""Which of a UNet2DModel's or UNet2DConditionModel's modules is which node of the engine's graph."""


def node_of(name, module):
    """The engine's node whose output is this module's, or None."""
    last = name.split(".")[-2:]
    if name in ("conv_in", "conv_out"):
        return name
    if name == "time_embedding":
        return "time_embedding.linear_2"
    if len(last) == 2 and last[1].isdigit():
        if max(getattr(module, "output_scale_factor", 1), getattr(module, "rescale_output_factor", 1)) != 1:
            return f"{name}.output_scale"
        if last[0] == "attentions":
            return f"{name}.proj_out" if hasattr(module, "proj_out") else f"{name}.to_out.0"
        if last[0] in ("resnets", "downsamplers", "upsamplers"):
            return f"{name}.conv2" if hasattr(module, "conv2") else f"{name}.conv"
    return None


def hook_nodes(net, nodes):
    """nodes: receives picture 0's activations [1, c, h, w] by node, in the order of execution. Returns the hooks."""
    hooks = []
    for name, module in net.named_modules():
        node = node_of(name, module)
        if node:

            def keep(module, inputs, output, node=node):
                output = output[0] if isinstance(output, tuple) else output
                nodes[node] = output[:1].reshape(1, output.shape[1], *(output.shape[2:] or (1, 1)))

            hooks.append(module.register_forward_hook(keep))
    return hooks
