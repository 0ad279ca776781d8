"""Token removal, global and patch distillation and pixel reconstruction in one step, each a switch of its own.

The teacher encodes whole global crops, once, with the attention of its class token; patches are removed by that
attention; the student encodes what is kept, and the local crops; a decoder puts mask tokens in the gaps.

Sources: this is a composite. Removal by the teacher's attention and a decoder as in Li et al. 2021 (MST), patch
distillation as in Zhou et al. 2022 (iBOT), reconstruction of removed patches as in He et al. 2022 (MAE).
"""

import math

import torch
from torch import Tensor, nn

from sslcourse.data.views import MultiCrop, multi_crop
from sslcourse.evaluation.collapse import channel_std
from sslcourse.evaluation.features import evaluating
from sslcourse.losses.reconstruction import normalize_patches, patchify, reconstruction_loss
from sslcourse.methods.checks import need_tokens
from sslcourse.methods.combined_settings import CombinedSettings
from sslcourse.methods.combined_views import CombinedViews, Encoded, errors_of, shown
from sslcourse.methods.distillation import SelfDistillation, Targets
from sslcourse.methods.meters import target_meters
from sslcourse.methods.patches import exact_masks, hidden_places, on_the_grid, sized
from sslcourse.methods.removal import choose_patches, draw_noise
from sslcourse.models.ema import make_teacher
from sslcourse.models.encoder import TokenEncoder, Tokens
from sslcourse.pruning.scores import attention_entropy
from sslcourse.pruning.select import keep_count, keep_rate_at
from sslcourse.pruning.tokens import gather_tokens, removed_indices


class Combined(SelfDistillation):
    """A TokenEncoder with the heads, decoder, mask token and teacher that the settings need, and no others.

    Call `begin_step` before the views are drawn and `end_step` after the optimiser's step, as `fit` does. Raises
    TypeError for an encoder without patch tokens, ValueError when the global crops are no multiple of its patches, or
    when so few are there that the keep rate or the mask ratio changes nothing.

    >>> from sslcourse.methods import Removal
    >>> from sslcourse.models import build_encoder
    >>> method = Combined(build_encoder("vit_64x2_p8", image_size=64), CombinedSettings(removal=Removal("low", 0.25)))
    >>> views = method.draw_views(torch.zeros(4, 3, 64, 64, dtype=torch.uint8), torch.Generator().manual_seed(0))
    >>> loss, metrics = method(views)
    >>> sorted(name for name in metrics if name.endswith("loss")), method.keep
    (['cls_loss', 'patch_loss', 'reconstruction_loss'], 16)
    """

    compile_targets = (*SelfDistillation.compile_targets, "decoder")
    switches = (*SelfDistillation.switches, "policy", "keep")

    def __init__(self, encoder: TokenEncoder, settings: CombinedSettings | None = None) -> None:
        super().__init__(settings or CombinedSettings())
        s = self.settings
        self.grid = need_tokens(encoder, s.drawn_crops, "the combined method")
        self.num_patches = self.grid[0] * self.grid[1]
        self.encoder = encoder
        make_head = s.distillation.make_head
        self.head = make_head(encoder.dim) if s.cls else None
        self.patch_head = make_head(encoder.dim) if s.has_patch_head else None
        self.mask_token = None
        if s.masks:
            self.mask_token = nn.Parameter(nn.init.trunc_normal_(torch.empty(encoder.dim), std=0.02))
        self.decoder = self.to_encoder = None
        if s.decodes:
            self.decoder = s.make_decoder(encoder.dim, self.grid, encoder.patch_size)
            if s.distils_removed:  # decoded tokens go through the head that the teacher has
                self.to_encoder = nn.Linear(s.decoder_dim, encoder.dim)
        self.teacher_encoder = make_teacher(encoder) if s.has_teacher else None
        self.teacher_head = make_teacher(self.head) if self.head is not None else None
        self.teacher_patch_head = make_teacher(self.patch_head) if self.patch_head is not None else None
        self.targets = Targets(s.distillation) if s.cls else None
        self.patch_targets = Targets(s.distillation) if s.patch_loss != "off" else None
        self.prototypes = s.distillation.prototypes if s.cls or s.patch_loss != "off" else None
        self.policy = s.removal.policy
        self.keep = s.kept_of(self.num_patches)

    def begin_step(self, step: int, steps: int) -> None:
        """Set what depends on the step: how many patches stay, chosen how; temperature, momentum, still prototypes."""
        super().begin_step(step, steps)
        s = self.settings
        self.policy = s.removal.policy_at(step, steps)
        if s.removal.removes and s.keep_levels > 1:
            rate = keep_rate_at(step, steps, s.removal.keep_rate, levels=s.keep_levels)
            # "removed" parts have something to learn from the first step on.
            self.keep = min(keep_count(self.num_patches, rate), self.num_patches - 1)

    def draw_views(self, images: Tensor, generator: torch.Generator | None = None) -> CombinedViews:
        """Images uint8 `B,3,H,W` -> crops, and the random numbers of the step (see `CombinedViews`)."""
        return self.with_choices(multi_crop(images, self.settings.drawn_crops, generator), generator)

    def with_choices(self, crops: MultiCrop, generator: torch.Generator | None = None) -> CombinedViews:
        """The crops, and the step's other random numbers, which are drawn on the generator's device."""
        s, device, shape = self.settings, crops.global_views.device, crops.global_views.shape[:2]
        rows = shape[0] * shape[1]
        noise = draw_noise(rows, self.num_patches if s.removal.removes else 0, generator, device)
        masks = torch.zeros(rows, 0, dtype=torch.bool, device=device)
        if s.masks:
            seen = (1, self.keep) if s.removal.removes else self.grid  # the student's patches
            masks = exact_masks(s.mask_kind, rows, seen, s.masked_count(math.prod(seen)), generator, device)
        return CombinedViews(*crops, noise.unflatten(0, shape), masks.unflatten(0, shape))

    def forward(self, views: CombinedViews) -> tuple[Tensor, dict[str, Tensor]]:
        """Crops and random numbers -> the loss (scalar) and metrics that stay on the device, without a gradient."""
        s, terms, metrics = self.settings, [], {}
        encoded = self.encode(views)
        if s.cls:
            cls_loss, targets = self.distil_views(encoded.teacher.cls, encoded.student.cls, views)
            terms.append(s.cls_weight * cls_loss)
            metrics |= {"cls_loss": cls_loss.detach(), **target_meters(targets)}
        if s.patch_loss != "off":
            patch_loss, targets = self.patch_loss(encoded)
            terms.append(s.patch_weight * patch_loss)
            metrics |= {"patch_loss": patch_loss.detach(), **target_meters(targets, "patch_")}
        if s.reconstruction != "off":
            pixel_loss = self.pixel_loss(encoded)
            terms.append(s.reconstruction_weight * pixel_loss)
            metrics["reconstruction_loss"] = pixel_loss.detach()
        if s.removal.needs_attention:
            metrics["attention_entropy"] = attention_entropy(encoded.teacher.attention)
        # What is trained to differ between images: without its loss the class token need not.
        features = encoded.student.cls if s.cls else encoded.student.patches.mean(1)
        return torch.stack(terms).sum(), metrics | {"channel_std": channel_std(features)}

    def encode(self, views: CombinedViews) -> Encoded:
        """All that the losses need of the global crops: teacher, what stays and is masked, student, decoder."""
        crops, noise, masks = (each.flatten(0, 1) for each in (views.global_views, views.noise, views.masks))
        teacher = places = mask = decoded = None
        if self.teacher_encoder is not None:
            with torch.no_grad():
                teacher = self.teacher_encoder(crops, attention=self.settings.removal.needs_attention)
        keep_indices = self.choose(noise, teacher)  # GB,K, or None: all
        if self.settings.masks:
            places, _ = hidden_places(masks, self.settings.masked_count(masks.shape[1]))  # GB,M numbers among the kept
            mask = on_the_grid(masks, keep_indices, self.num_patches)  # GB,N
        student = self.encoder(crops, keep_indices, mask=mask, mask_token=self.mask_token)
        if self.decoder is not None:
            decoded = self.decoder(student.patches, keep_indices, student.cls)
        return Encoded(crops, teacher, student, decoded, keep_indices, places, mask)

    def encode_whole(self, images: Tensor, generator: torch.Generator | None = None) -> Encoded:
        """What becomes of images float `B,3,H,W`, uncropped, in eval mode and without a gradient."""
        crops = sized(images, self.settings.crops.global_crop.size)[None]
        views = self.with_choices(MultiCrop(crops, crops[:0]), generator)
        with evaluating(self):
            return self.encode(views)

    def choose(self, noise: Tensor, teacher: Tokens | None) -> Tensor | None:
        """The patches to keep, `GB,K`, by the teacher's attention or the highest noise; None if all are kept."""
        if not self.settings.removal.removes:
            return None
        return choose_patches(self.policy, self.keep, teacher.attention if teacher else None, noise)

    def patch_loss(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """Cross-entropy to the teacher's patches at the places the settings name; and the targets `GB,M,K`.

        The number of places is the same for each image. The student has a token only where a patch was kept: for
        removed ones the decoder's is taken.
        """
        kept, tokens = encoded.keep_indices, encoded.student.patches
        if self.settings.distils_removed:
            places = removed_indices(kept, self.num_patches)
            decoded = self.to_encoder(gather_tokens(encoded.decoded.tokens, places))
            if self.settings.patch_loss == "both":
                places, tokens = torch.cat([kept, places], 1), torch.cat([tokens, decoded], 1)
            else:
                tokens = decoded
        elif self.settings.patch_loss == "masked":
            places = encoded.masked_places if kept is None else kept.gather(1, encoded.masked_places)
            tokens = gather_tokens(tokens, encoded.masked_places)
        else:
            places = kept
        wanted = encoded.teacher.patches if places is None else gather_tokens(encoded.teacher.patches, places)  # GB,M,D
        return self.distil_patches(wanted, tokens)

    def pixel_loss(self, encoded: Encoded) -> Tensor:
        """Mean squared error of the decoded patches to the true ones, each normalised where the settings say so."""
        target = patchify(encoded.crops, self.encoder.patch_size)  # GB,N,P
        if self.settings.normalize_targets:
            target = normalize_patches(target)
        predicted, kind = encoded.decoded.pixels, self.settings.reconstruction
        if kind == "removed":
            places = removed_indices(encoded.keep_indices, self.num_patches)
            return reconstruction_loss(gather_tokens(predicted, places), gather_tokens(target, places))
        return reconstruction_loss(predicted, target, encoded.mask if kind == "masked" else None)

    def optimizer_groups(self) -> list[dict]:
        """Prototypes as in `SelfDistillation`, and the decoder where its learning rate is not the run's."""
        groups = super().optimizer_groups()
        if self.decoder is not None and self.settings.decoder_lr_scale != 1:
            groups.append({"params": list(self.decoder.parameters()), "lr_scale": self.settings.decoder_lr_scale})
        return groups

    def preview(self, images: Tensor, generator: torch.Generator | None = None) -> dict[str, Tensor]:
        """Kept patches, masked patches and the reconstruction of images float `B,3,H,W`, as pictures in [0, 1]."""
        return shown(self.encode_whole(images, generator), self.settings, self.encoder.patch_size)

    def reconstruction_errors(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> dict[str, float] | None:
        """How far the decoder is off, beside two rules (see `errors_of`); None without reconstruction."""
        return errors_of(self.encode_whole(images, generator), self.settings, self.encoder.patch_size)
