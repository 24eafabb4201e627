"""EAC, erasing attention consistency (Zhang et al., ECCV 2022), which Table 3 and Sec. 3.4 compare with.

As its repository has it for clean labels (baselines.md): a picture, partly erased, and its mirror image are to have
class activation maps that mirror one another. Both go through the network in one forward here.
"""

from __future__ import annotations

from torch import Tensor, einsum
from torch.nn.functional import mse_loss

from rmfer.data.views import erased, noisy
from rmfer.losses.method import Before, Method, Step, Views, register_method
from rmfer.losses.precision import in_float32

# In grey levels of 255; shares of the pictures; of the picture's area.
SIGMA, NOISY, ERASED, AREA = 30**0.5, 0.5, 0.5, (0.02, 0.25)


@in_float32
def consistency_loss(maps: Tensor, mirrored: Tensor, weights: Tensor) -> Tensor:
    """MSE(M(x), mirror of M(x')), M_k = sum over channels c of W_kc F_c.

    Args:
        maps: (N, D, h, w) F, the last feature maps of pictures x.
        mirrored: (N, D, h, w) of their mirror images x'.
        weights: (C, D) W of the classifier; no gradient goes to it.

    Returns:
        Scalar: the mean over N, C, h and w; gradient goes through both.
    """
    own, other = (einsum("cd,ndhw->nchw", weights.detach(), each) for each in (maps, mirrored))
    return mse_loss(own, other.flip(3))


class Eac(Method):
    """Its weight is 5 in the repository, beside the cross-entropy of the erased pictures (``lambda_fer``)."""

    wants_maps = True

    def look(self, before: Before) -> Views:
        """Pictures with noise and an erased part, and their mirror images."""
        generator = before.generator()
        images = noisy(before.images, generator, sigma=SIGMA / 255, share=NOISY, std=before.std)
        images = erased(images, generator, share=ERASED, area=AREA)
        return Views(labelled=images, further=images.flip(3))

    def loss(self, step: Step) -> Tensor:
        """See `consistency_loss`."""
        assert step.maps is not None
        return consistency_loss(
            step.maps[: len(step.labels)], step.maps[step.places[self.name]], step.net.head_main.weight
        )


register_method("eac", Eac)
