"""Sentences of the studio's sample set: what a caretaker of a forest park writes, which hints at the place or the sound."""

from __future__ import annotations

import random

OPENERS = (
    "Round at {hour}.", "Called at {hour}.", "For the morning shift:", "Quick note, {hour}:", "Radio message at {hour}.",
    "On my second round today.", "Reported by a walker around {hour}.", "Passed by at {hour}.", "Follow-up from yesterday.",
)  # fmt: skip
PLACES = {
    "woods": (
        "I was halfway along the oak trail.", "It came from behind the fallen spruce.", "About two kilometres from the car park.",
        "Near the third signpost, off the path.", "Between the pines north of the pond.", "Had to climb over roots to get there.",
        "Just past the lookout, under the beeches.", "Seen from the footbridge in the gorge.", "On the ridge, moss all around.",
    ),
    "house": (
        "I was standing in front of the gate keeper's cottage.", "It came from the front garden.", "Right at the visitor centre.",
        "The neighbours across the street heard it too.", "By the porch of number twelve.", "At the warden's home, ground floor.",
        "The tenant opened the door for me.", "Next to the kitchen window.", "Up at the old lodge with the red tiles.",
    ),
}  # fmt: skip
SOUNDS = {
    "fire": (
        "There was a smell of smoke.", "I took the extinguisher along.", "Sparks drifted over, it was warm on the face.",
        "Ash on my jacket afterwards.", "Somebody had been careless with matches.", "Buckets of water did the rest.",
    ),
    "dog": (
        "Found paw prints and a chewed glove.", "The leash was nowhere to be seen.", "It wagged its tail when I came closer.",
        "Gave it some water and a biscuit.", "No collar, brown fur, quite young.", "The owner was told about the leash rule.",
    ),
    "rain": (
        "My boots were soaked through.", "Puddles wherever I stepped.", "I put out the yellow warning sign and a bucket.",
        "The gauge shows nineteen millimetres.", "Everything was dripping.", "The drain could not take it any more.",
    ),
}  # fmt: skip
REST = (
    "Nothing else to report.", "I informed the office.", "Will look again tomorrow.", "Photo and recording attached.",
    "Took me twenty minutes.", "Anna took over afterwards.", "Please add it to the list.", "Visitors were calm.",
)  # fmt: skip
PLACE_TOLD, SOUND_TOLD = 0.45, 0.30  # shares of the notes; the others tell neither


def note(place: str, sound: str, draw: random.Random) -> str:
    """Two or three sentences of one row."""
    opener = draw.choice(OPENERS).format(hour=f"{draw.randrange(24)}:{draw.randrange(0, 60, 5):02}")
    told, hint = draw.random(), ""
    if told < PLACE_TOLD:
        hint = draw.choice(PLACES[place])
    elif told < PLACE_TOLD + SOUND_TOLD:
        hint = draw.choice(SOUNDS[sound])
    return " ".join(filter(None, (opener, hint, draw.choice(REST))))
