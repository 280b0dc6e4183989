"""Rows of checkpoints on the Hugging Face hub: the best open ones of each family, for the profiles base and large.

Base runs on one small GPU or a patient CPU, large on a GPU of 24 to 80 GB. The first row of a role and a profile is its
default. Sizes are those of the files that are fetched; memory is what the weights take as they are published. Every figure
of quality is the publisher's own or of the paper named beside it; a row for which none was found is in no profile.
"""

from __future__ import annotations

from mm_demos.models.hub_rows_language import language_rows
from mm_demos.models.hub_rows_painting import painter_rows
from mm_demos.models.hub_rows_pictures import picture_rows
from mm_demos.models.hub_rows_sound import sound_rows
from mm_demos.models.spec import ModelSpec

HUB_ROWS: tuple[ModelSpec, ...] = (*sound_rows(), *picture_rows(), *painter_rows(), *language_rows())
