"""The words that questions are made from: things, people, colours, actions and places as captions name them."""

from __future__ import annotations

# canonical name: words that mean it; a word may belong to several (a boy is a child and a person)
THINGS = """
dog: dog dogs puppy puppies retriever terrier poodle greyhound
dog: greyhounds labrador dachshund collie rottweiler pug bulldog husky
cat: cat cats kitten kittens
horse: horse horses pony ponies
bird: bird birds duck ducks seagull seagulls pigeon pigeons
cow: cow cows bull bulls
man: man men guy guys gentleman gentlemen
woman: woman women lady ladies
boy: boy boys
girl: girl girls
baby: baby babies infant
child: child children kid kids toddler toddlers boy boys girl girls baby babies
people: people person persons man men guy guys woman women lady ladies
people: boy boys girl girls child children kid kids toddler toddlers baby
people: babies player players skateboarder skateboarders snowboarder snowboarders
people: surfer surfers skier skiers biker bikers climber hiker
people: hikers rider riders crowd team family someone couple adult
people: adults teenager teenagers male female runner runners cyclist worker
people: swimmer dancer musician bicyclist motorcyclist cheerleader cheerleaders band
people: teens friends teen wrestlers hiker athlete he she
ball: ball balls football basketball baseball volleyball
toy: toy toys
stick: stick sticks
frisbee: frisbee frisbees
leash: leash
collar: collar
bike: bike bikes bicycle bicycles bmx cycling bicyclist cyclist biker bikers
motorcycle: motorcycle motorcycles motorbike dirtbike motorcyclist
car: car cars vehicle vehicles suv
truck: truck trucks
bus: bus buses
train: train trains subway
boat: boat boats kayak kayaks canoe raft sailboat ship
skateboard: skateboard skateboards skateboarder skateboarding skateboarders skateboards
snowboard: snowboard snowboards snowboarder snowboarding snowboarders
surfboard: surfboard surfboards surfer surfing surfers
skis: ski skis skier skiing skiers
sled: sled sleds sledding
rope: rope ropes
helmet: helmet helmets
hat: hat hats cap caps beanie
glasses: glasses sunglasses goggles
shirt: shirt shirts t-shirt t-shirts tshirt sweatshirt shirted
jacket: jacket jackets coat coats
dress: dress dresses gown
pants: pants jeans trousers
shorts: shorts trunks
skirt: skirt skirts
suit: suit suits
uniform: uniform uniforms jersey jerseys
costume: costume costumes
sweater: sweater sweaters hoodie
scarf: scarf scarves
backpack: backpack backpacks
bag: bag bags purse suitcase
umbrella: umbrella umbrellas
guitar: guitar guitars
phone: phone cellphone telephone phones
camera: camera cameras
book: book books magazine newspaper
bottle: bottle bottles
cup: cup cups glass mug
food: food pizza sandwich cake cookie banana apple meal popsicle hamburger
flower: flower flowers
balloon: balloon balloons
flag: flag flags
sign: sign signs
bench: bench benches
table: table tables
chair: chair chairs seat
couch: couch sofa
bed: bed beds mattress
tent: tent tents
swing: swing swings swinging
slide: slide slides sliding
trampoline: trampoline
ramp: ramp ramps halfpipe
fence: fence fences
wall: wall walls
building: building buildings house houses skyscraper
bridge: bridge bridges
tree: tree trees woods forest wooded
rock: rock rocks boulder boulders rocky stones
mountain: mountain mountains mountainside cliff peak
water: water ocean sea lake river pool pond stream waves wave
water: surf swimming swims swim beach shore waterfall puddle fountain sprinkler
snow: snow snowy ski skier skiing snowboarder snowboard snowboarding winter snowball ice sled
grass: grass grassy lawn field meadow
sand: sand sandy beach
fire: fire campfire flames bonfire
fountain: fountain sprinkler
"""
PEOPLE = frozenset("man woman boy girl baby child people".split())
ANIMALS = frozenset("dog cat horse bird cow".split())
WORN = frozenset("helmet hat glasses shirt jacket dress pants shorts skirt suit uniform costume sweater scarf backpack".split())

COLORS = {
    **{color: color for color in "red blue green black white yellow brown orange pink purple gray tan silver".split()},
    "grey": "gray", "blond": "blond", "blonde": "blond", "golden": "golden", "gold": "golden",
}  # fmt: skip

ACTIONS = """
running: run runs running ran race races racing sprinting sprints
jumping: jump jumps jumping leap leaps leaping jumped midair
playing: play plays playing
standing: stand stands standing
sitting: sit sits sitting seated sat
walking: walk walks walking strolling
riding: ride rides riding rode
climbing: climb climbs climbing scaling
swimming: swim swims swimming
smiling: smile smiles smiling grinning
holding: hold holds holding
carrying: carry carries carrying
posing: pose poses posing
lying: lay lays laying lie lies lying
chasing: chase chases chasing
flying: fly flies flying
eating: eat eats eating
drinking: drink drinks drinking
dancing: dance dances dancing
splashing: splash splashes splashing
fighting: fight fights fighting wrestling wrestle
swinging: swinging
throwing: throw throws throwing
catching: catch catches catching
fishing: fishing
skiing: skiing skis skier
snowboarding: snowboarding snowboards snowboarder
skateboarding: skateboarding skateboards skateboarder
surfing: surfing surfs surfer
sliding: sliding
laughing: laugh laughs laughing
reading: read reads reading
driving: drive drives driving
pushing: push pushes pushing
pulling: pull pulls pulling
diving: dive dives diving
kicking: kick kicks kicking
sleeping: sleep sleeps sleeping
hiking: hike hikes hiking
hugging: hug hugs hugging embracing
kissing: kiss kisses kissing
talking: talk talks talking chatting
digging: dig digs digging
singing: sing sings singing
looking: look looks looking watch watches watching stare stares staring
"""

PLACES = """
water: water
grass: grass grassy lawn
snow: snow snowy
beach: beach shore
field: field meadow
street: street road
sand: sand
sidewalk: sidewalk pavement
park: park
pool: pool
ocean: ocean sea surf waves wave
lake: lake pond
river: river stream creek
hill: hill hillside slope
woods: woods forest
mountain: mountain mountains cliff
track: track racetrack
trampoline: trampoline
playground: playground
yard: yard backyard
bed: bed
couch: couch sofa
floor: floor
stage: stage
bench: bench
restaurant: restaurant bar
city: city
ramp: ramp
air: air midair
dirt: dirt mud
rock: rock rocks
path: path trail
"""

NUMBERS = {
    "two": "two",
    "three": "three",
    "four": "four",
    "five": "five",
    "six": "six",
    "2": "two",
    "3": "three",
    "4": "four",
    "5": "five",
}
PLURALS = {"man": "men", "woman": "women", "child": "children", "people": "people", "baby": "babies"}


def lexicon(table: str) -> dict[str, frozenset[str]]:
    """The tables above as canonical name → words."""
    out: dict[str, set[str]] = {}
    for line in table.strip().splitlines():
        name, _, words = line.partition(": ")
        out.setdefault(name, set()).update(words.split())
    return {name: frozenset(words) for name, words in out.items()}


def plural(thing: str) -> str:
    """Plural of a canonical name."""
    if thing in PLURALS or thing.endswith("s"):
        return PLURALS.get(thing, thing)
    return thing + ("es" if thing.endswith(("ch", "sh", "x")) else "s")
