"""The lab: RNN, transformer, GAN, VAE and diffusion side by side, each in a file that trains and samples it.

Stands alone: it needs torch, diffusers, numpy, Pillow, safetensors and scikit-learn, and none of Parley's other rooms.
"""
