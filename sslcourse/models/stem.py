"""A convolutional stem for small ViTs, in place of timm's patch embedding."""

from torch import Tensor, nn


class ConvStem(nn.Module):
    """Images `B,3,H,W` -> patches `B,N,D` by 3x3 convolutions of stride 2, with GroupNorm and ReLU, and a last 1x1.

    It takes the place of timm's `PatchEmbed` (`VisionTransformer(embed_layer=ConvStem)`) with as many patches, so
    nothing else of the model changes. Widths double up to `embed_dim`. What a patch sees is centred on it and reaches
    half a patch into its neighbours (`TokenEncoder` hides the pixels of removed ones). GroupNorm and not the paper's
    BatchNorm, whose statistics global and local crops would mix. Raises ValueError when the patch side is no power of
    two of at least 2.

    Source: Xiao et al. 2021, "Early Convolutions Help Transformers See Better".

    >>> import torch
    >>> tuple(ConvStem(img_size=32, patch_size=8, embed_dim=64)(torch.rand(2, 3, 32, 32)).shape)
    (2, 16, 64)
    """

    def __init__(
        self,
        img_size: int | tuple[int, int] = 64,
        patch_size: int = 8,
        in_chans: int = 3,
        embed_dim: int = 96,
        output_fmt: str | None = None,
        **ignored,  # what timm passes to an embedding and this one has no use for: bias, strict_img_size, ...
    ) -> None:
        super().__init__()
        halvings = patch_size.bit_length() - 1 if isinstance(patch_size, int) else 0
        if halvings < 1 or patch_size != 2**halvings:
            raise ValueError(f"a convolutional stem needs a patch side of 2, 4, 8, 16, ...; got {patch_size}")
        self.img_size = (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)
        self.patch_size = (patch_size, patch_size)
        self.grid_size = (self.img_size[0] // patch_size, self.img_size[1] // patch_size)
        self.num_patches = self.grid_size[0] * self.grid_size[1]
        self.keeps_grid = output_fmt == "NHWC"  # timm's way to ask for B,rows,columns,D
        widths = [in_chans] + [max(8, embed_dim // 2**i) for i in reversed(range(halvings))]
        # With padding on every side each output would be centred on its patch's upper left corner. The last convolution
        # pads below and to the right instead, and looks half a patch further: at the middle.
        stages = [_halve(widths[i], widths[i + 1], last=i == halvings - 1) for i in range(halvings)]
        self.stages = nn.Sequential(*stages, nn.Conv2d(widths[-1], embed_dim, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Images `B,3,H,W` -> patches `B,N,D`, row by row."""
        patches = self.stages(images).permute(0, 2, 3, 1)  # B,rows,columns,D
        return patches if self.keeps_grid else patches.flatten(1, 2)


def _halve(channels: int, width: int, last: bool) -> nn.Sequential:
    groups = width // 8 if width % 8 == 0 else 1
    return nn.Sequential(
        nn.ZeroPad2d((0, 1, 0, 1)) if last else nn.Identity(),
        nn.Conv2d(channels, width, 3, stride=2, padding=0 if last else 1, bias=False),
        nn.GroupNorm(groups, width),
        nn.ReLU(inplace=True),
    )
