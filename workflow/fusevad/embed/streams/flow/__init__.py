"""The stream of optical flow."""
