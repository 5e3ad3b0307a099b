"""Audio towers: Wav2CLIP, and the small one that is bundled with the repository."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from fusevad.encoders.weights import load_state, local_file, read_state, save_halves
from fusevad.errors import FusevadError

# Half a window more on both sides must be in the sound.
FEWEST_SAMPLES = 1024
_WINDOW = 512


class Wav2Clip(nn.Module):
    """Wav2CLIP (Wu et al. 2022): a ResNet-18 on the logarithm of a spectrogram.

    As released (descriptinc/lyrebird-wav2clip): power spectrogram, not in mel bands, of windows of
    512 samples every 353, of sound with 16000 samples a second. Its mean and deviation are those of
    one segment, as when the released code is given the segment alone. Names of weights are those of
    the release.
    """

    def __init__(self) -> None:
        super().__init__()
        self.audio_encoder = resnet18()
        self.audio_encoder.conv1 = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        self.audio_encoder.fc = nn.Identity()
        # The last layer is number 3: a dropout layer is between, in training.
        layers = {"0": nn.Linear(512, 512), "1": nn.ReLU(), "3": nn.Linear(512, 512)}
        self.audio_transform = nn.ModuleDict({"sequential": nn.Sequential()})
        for name, layer in layers.items():
            self.audio_transform["sequential"].add_module(name, layer)

    def forward(self, samples: Tensor) -> Tensor:
        """`N x samples` to `N x 512`."""
        loudness = torch.log(_power(samples, 353) + 1e-7)
        mean = loudness.mean(dim=(1, 2), keepdim=True)
        deviation = loudness.std(dim=(1, 2), keepdim=True)
        normal = (loudness - mean) / (deviation + 1e-9)
        return self.audio_transform["sequential"](self.audio_encoder(normal.unsqueeze(1)))


class SmallAudioTower(nn.Module):
    """Four convolutions on the logarithm of a spectrogram in 64 equal bands, then the mean.

    Loudness is kept: a shout is louder than talk.
    """

    WIDTHS = (16, 32, 64, 96)

    def __init__(self, dim: int = 128) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, width in zip((1, *self.WIDTHS), self.WIDTHS, strict=False):
            convolution = nn.Conv2d(before, width, 3, stride=2, padding=1, bias=False)
            blocks += [convolution, nn.BatchNorm2d(width), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.projection = nn.Linear(2 * self.WIDTHS[-1], dim)

    def forward(self, samples: Tensor) -> Tensor:
        """`N x samples` to `N x dim`."""
        bands = functional.adaptive_avg_pool2d(_power(samples, 160), (64, None))
        loudness = torch.log10(bands + 1e-6) / 3
        found = self.blocks(loudness.unsqueeze(1))
        return self.projection(torch.cat((found.mean(dim=(2, 3)), found.amax(dim=(2, 3))), dim=1))


_TOWERS: dict[str, Callable[[], nn.Module]] = {"wav2clip": Wav2Clip, "small": SmallAudioTower}


def load_audio_tower(name: str, weights: Path) -> nn.Module:
    """Load a tower, float32, in evaluation mode.

    Raises:
        FusevadError: no such file, or weights of another model.
    """
    tower = _TOWERS[name]()
    load_state(tower, local_file(str(weights), "weights of the audio tower"))
    return tower.eval().requires_grad_(False)


def convert_wav2clip(checkpoint: Path, out: Path) -> None:
    """Convert the published checkpoint to safetensors (float16) with only what embeds.

    Raises:
        FusevadError: it has not the weights of Wav2CLIP.
    """
    wanted = Wav2Clip().state_dict()
    found = read_state(local_file(str(checkpoint), "checkpoint of Wav2CLIP"))
    lacking = [name for name in wanted if name not in found]
    if lacking:
        raise FusevadError(
            f"{checkpoint}: no tensor {lacking[0]}; use the checkpoint that Wav2CLIP's authors"
            " published"
        )
    save_halves({name: found[name] for name in wanted}, out)


def _power(samples: Tensor, step: int) -> Tensor:
    """Power spectrogram, `N x frequencies x windows`, with sound mirrored at its ends."""
    window = torch.hann_window(_WINDOW, device=samples.device)
    found = torch.stft(samples, _WINDOW, step, window=window, center=True, return_complex=True)
    return found.abs().square()
