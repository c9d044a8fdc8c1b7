"""A crystal diffusion model: species, fractional coordinates and lattice, conditional, in torch alone.

Nothing here but `data_builder` needs more than torch, numpy and safetensors, so training runs on a bare GPU machine.
"""
