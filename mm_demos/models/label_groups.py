"""Everyday words for sets of ImageNet classes, after WordNet's hierarchy: a probability of "dog" is the sum over 118 breeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True, slots=True)
class LabelGroup:
    """A word, other words for the same, and the columns of the ImageNet classes it covers.

    Args:
        naming: fit to name what a picture shows; "object" is true of too much.
    """

    name: str
    words: tuple[str, ...]
    columns: frozenset[int]
    naming: bool


# word, other words | columns in ImageNet-1k order, "a-b" includes b; "*" marks a group that is not fit to name a picture.
_TABLE = """
puppy | 151-268 *
kitten | 281-285 *
cat, kitty, housecat | 281-285
feline | 281-293 *
big cat, wild cat | 286-293
lion, lioness | 291
tiger | 292
wolf | 269-271
fox | 277-280
bear | 294-297
polar bear, white bear | 296
panda, giant panda | 388
dog, hound, pooch | 151-268
canine | 151-275 *
goose | 99
owl | 24
eagle | 22
parrot | 87-90
penguin | 145
duck | 97-98
chicken, hen, rooster | 7-8
swan | 100
stork | 127-128
heron, egret | 131-133
shark | 2-4
ray | 5-6
goldfish | 1
fish | 0-6, 389-397
whale | 147-148
frog, toad | 30-32
salamander, newt | 25-29
turtle, tortoise | 33-37
lizard | 38-48
crocodile, alligator | 49-50
dinosaur | 51
snake, serpent | 52-68
spider | 72-77
scorpion | 71
crab | 118-121, 125
lobster | 122-124
snail | 113
beetle | 300-307
butterfly | 321-326
dragonfly | 319-320
bee | 309
ant | 310
insect, bug | 300-326
rabbit, hare, bunny | 330-332
squirrel | 335
pig | 341-343
horse, pony | 339
zebra | 340
cow, cattle, bull | 345-347
sheep | 348-349
goat | 350
antelope, deer | 351-353
camel | 354-355
ape | 365-369
monkey | 370-382
primate | 365-384
elephant | 101, 385-386
bird | 7-24, 80-100, 127-146
reptile | 33-68
mammal | 101-106, 147-299, 330-388 *
pet | 1, 151-268, 281-285, 332-333, 338 *
animal, creature, wildlife, beast | 0-397 *
car, automobile | 407, 436, 468, 511, 581, 609, 627, 656, 661, 734, 751, 817
taxi | 468
truck, lorry | 555, 569, 675, 717, 864, 867
bus, coach | 654, 779, 874
train, locomotive | 466, 547, 565, 705, 820, 829
bicycle, bike | 444, 671
motorcycle, motorbike, scooter | 665, 670
airplane, plane, aeroplane, aircraft, jet | 404, 895, 908
rocket, missile, spaceship | 657, 744, 812
boat, ship, vessel | 403, 472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 833, 871, 914
vehicle, transport | 403-405, 407-408, 436, 444, 466, 468, 472, 484, 510-511, 547, 554-555, 561, 565, 569, 573, 575-576,
    581, 586, 603, 609, 612, 625, 627-628, 654, 656, 661, 665, 670-671, 675, 690, 705, 717, 734, 751, 757, 779-780,
    802-803, 812, 814, 817, 820, 829, 833, 847, 864, 866-867, 870-871, 874, 880, 895, 914 *
church, temple | 442, 497, 663, 668, 832
building, architecture | 410, 415, 424-425, 442, 449, 454, 467, 483, 497-498, 500, 509, 538, 580, 582, 624, 634, 660,
    663, 668, 698, 727, 743, 762, 788, 832, 858, 860, 865, 900
bridge | 821, 839, 888
tower | 442, 900
shop, store | 415, 424, 454, 467, 509, 582, 788, 860, 865
clock | 409, 530, 604, 892
watch | 531, 826
computer | 527, 590, 620, 681
phone, telephone, smartphone | 487, 528, 707
keyboard | 508, 878
screen, monitor, television, tv, display | 664, 782, 851
camera | 732, 759
ball | 429-430, 522, 574, 722, 746, 768, 805, 852, 890
guitar | 402, 546
piano | 579, 881
musical instrument, instrument | 401-402, 420, 432, 486, 494, 513, 541, 546, 558, 566, 577, 579, 593-594, 641-642,
    683-684, 687, 699, 776, 822, 875, 881, 889
gun, weapon, rifle | 413, 471, 763-764
chair, seat | 423, 559, 765, 857
table, desk | 526, 532, 736
couch, sofa | 831
bed | 564, 520
lamp, light | 619, 818, 846, 862
bottle | 440, 720, 737, 898, 907
cup, mug | 504, 968
pot, pan | 469, 505, 521, 544, 567, 738, 849, 909
bowl | 659, 809
bag, handbag | 414, 636, 728, 748, 790
hat, cap | 433, 439, 452, 515, 793, 808
helmet | 518, 560
shoe, boot | 502, 514, 630, 770, 774
sunglasses, glasses | 836-837
clothing, clothes, garment, dress | 399-400, 411, 445, 474, 501, 568, 578, 601, 608, 610, 614, 617, 638-639, 652, 655,
    689, 697, 735, 775, 834, 841-842, 869
umbrella | 879
tent | 672
book, comic | 453, 917, 921
sign, signboard | 919
coffee, espresso | 504, 550, 967
wine | 907, 966
drink, beverage | 440-441, 504, 898, 907, 966-967, 969
fruit | 948-957
apple | 948
berry | 949
vegetable | 936-946
bread | 930-932
burger, hamburger | 933
dessert, sweet | 927-929
mushroom, fungus | 947, 991-997
food, meal, dish | 923-969
flower | 985-986
plant | 936-958, 984-990 *
mountain, hill | 970, 972, 980
volcano | 980
beach, coast, sea, ocean, shore | 976-978
lake | 975
landscape, nature | 970, 972-980 *
"""


@cache
def label_groups() -> tuple[LabelGroup, ...]:
    """All groups, those with fewer classes first."""
    groups = []
    for row in _TABLE.replace("\n    ", " ").strip().splitlines():
        words, columns = row.split(" | ")
        names = tuple(word.strip() for word in words.split(","))
        groups.append(LabelGroup(names[0], names, _columns(columns.rstrip(" *")), not columns.endswith("*")))
    return tuple(sorted(groups, key=lambda group: len(group.columns)))


def _columns(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


@cache
def columns_by_word() -> dict[str, frozenset[int]]:
    """Lower-case word or name → columns: the groups' words, then every ImageNet name and synonym."""
    from mm_demos.models.imagenet import imagenet_classes

    found: dict[str, frozenset[int]] = {}
    for column, label in enumerate(imagenet_classes()):
        for name in label.names:
            found[name.lower()] = found.get(name.lower(), frozenset()) | {column}
    # An everyday word means its whole group, also where one class bears it ("cup", "screen", "hen").
    for group in reversed(label_groups()):
        for word in group.words:
            found[word] = group.columns | found.get(word, frozenset())
    return found
