"""The words of the tales. Lists to draw from, each value with the forms a story needs of it.

Within a list no value may begin another (grammar_ambiguity says why), and lists of animals share
none, so that nobody meets itself. Lists that may be cut short by `vocabulary` are in an order in
which any beginning of them is balanced.
"""

# ruff: noqa: E501  (a list is a line)

from lib.corpora.grammar import Entry, Words

SHE = {"they": "she", "them": "her", "their": "her"}
HE = {"they": "he", "them": "him", "their": "his"}


def _plain(names: str) -> list[Entry]:
    return [{"name": name.strip()} for name in names.split(",")]


def _with(form: str, pairs: dict[str, str]) -> list[Entry]:
    return [{"name": name, form: text} for name, text in pairs.items()]


GIRLS = "Mia Nora Ella Ruth Tilda Zoe Clara Alma Freya Greta Hana Ines Juno Kira Olive Petra Wanda Ida Lena Sofia"
BOYS = "Tom Ben Oskar Leo Max Finn Hugo Emil Jonas Karl Paul Rafael Samir Viktor Yusuf Anton David Gustav Ivan Noah"
CHILDREN = [
    {"name": name, **pronouns}
    for pair in zip(GIRLS.split(), BOYS.split())
    for name, pronouns in zip(pair, (SHE, HE))
]
FAMILY = [
    {"name": name, **pronouns}
    for name, pronouns in [
        ("grandmother", SHE), ("grandfather", HE), ("aunt", SHE), ("uncle", HE), ("mother", SHE),
        ("father", HE), ("big sister", SHE), ("big brother", HE), ("godmother", SHE), ("cousin", HE),
    ]
]  # fmt: skip

# What kind of child it is, what such a child does when something goes wrong, and what it was good for.
TRAITS = [
    {"name": "brave", "does": "wiped away one tear and set out at once", "moral": "A brave step is still a step when your knees are shaking."},
    {"name": "patient", "does": "sat down on a stone and thought about it first", "moral": "Whoever can wait has already come half the way."},
    {"name": "curious", "does": "wanted to know exactly what had happened", "moral": "Whoever asks will always find somebody who answers."},
    {"name": "cheerful", "does": "whistled a tune, since crying helps nobody", "moral": "A long road is shorter with a song."},
    {"name": "stubborn", "does": "stamped one foot and refused to give up", "moral": "Sometimes the last try is the one that counts."},
    {"name": "clever", "does": "made a plan with three parts", "moral": "A good plan is worth more than quick feet."},
    {"name": "gentle", "does": "took a deep breath and decided to ask for help", "moral": "A kind word opens more doors than a key."},
    {"name": "careful", "does": "tied both shoes twice and then started looking", "moral": "Slow and careful also gets you home."},
    {"name": "lively", "does": "ran in a circle and then straight ahead", "moral": "It is better to run the wrong way than to stand still."},
    {"name": "honest", "does": "admitted to being very sad, and felt a little better", "moral": "An honest face finds friends everywhere."},
    {"name": "dreamy", "does": "looked up at the clouds for advice", "moral": "Dreams are a kind of map, too."},
    {"name": "helpful", "does": "thought of all the others who might need something today", "moral": "Whoever helps is never alone for long."},
]  # fmt: skip

HOMES = _with("the", {
    "village by the sea": "the village", "town with red roofs": "the town", "house at the edge of the forest": "the house",
    "farm on a green hill": "the farm", "valley full of apple trees": "the valley", "lighthouse on a small island": "the lighthouse",
    "cottage beside a canal": "the cottage", "street of little shops": "the street", "castle with a leaking roof": "the castle",
    "mill on a slow river": "the mill", "camp of colourful wagons": "the camp", "harbour full of fishing boats": "the harbour",
})  # fmt: skip

COLOURS = _plain(
    "red, blue, green, yellow, golden, purple, orange, white, striped, spotted, silver, pink, brown, turquoise"
)

# Four ways to lose a thing. Where it ends up decides who can bring it back, and how.
ROLLING = _plain("ball, marble, hoop, wooden wheel, toy cart, glass bead, tin drum, skittle")
HOLLOWS = _plain(
    "the old well, the rabbit hole under the hedge, the cellar of the ruined tower, the thicket of thorns, the cave behind the waterfall, the hollow oak, the drain below the bridge, the quarry"
)
DIGGERS = _with("acts", {
    "mole": "dug a tunnel as long as a street", "badger": "pushed the stones aside with broad shoulders",
    "weasel": "slipped through a gap no wider than a thumb", "hedgehog": "rolled itself up and tumbled in without a scratch",
    "mouse": "squeezed through a crack and lit a match inside", "marmot": "listened at the ground and dug exactly there",
    "shrew": "followed its long nose into the dark", "fox": "crawled in until only the tip of its tail could be seen",
})  # fmt: skip

FLYING = _plain("kite, scarf, straw hat, paper bird, pinwheel, ribbon, handkerchief, paper crown")
HEIGHTS = _plain(
    "the tallest oak, the roof of the church tower, the sails of the windmill, the top of the cliff, the chimney of the bakery, the mast of a ship, the gate of the palace, the old lime tree"
)
CLIMBERS = _with("acts", {
    "squirrel": "ran up without looking down once", "owl": "flew up on silent wings", "swallow": "shot into the sky like an arrow",
    "stork": "rose in wide, slow circles", "woodpecker": "hopped up step by step, knocking all the way",
    "cat": "climbed from ledge to ledge as if it were nothing", "heron": "stretched its long neck and then its wings",
    "bat": "waited for dusk and then fluttered straight up",
})  # fmt: skip

SHINY = _plain("ring, key, spoon, coin, button, thimble, whistle, brooch")
THIEVES = _plain("magpie, jackdaw, raven, crow, starling, jay")
TALKERS = _with("acts", {
    "nightingale": "sang so sweetly that the thief forgot to hold on", "parrot": "imitated a cat until the thief flew off in fright",
    "robin": "talked politely to the thief for a whole hour", "lark": "challenged the thief to a race and won",
    "cuckoo": "called the thief away with the voice of its own mother", "wren": "teased the thief until it opened its beak to answer",
})  # fmt: skip

FLOATING = _plain(
    "toy boat, paper ship, little raft, wooden duck, cork sailor, tin steamer, walnut shell, bark canoe"
)
WATERS = _plain(
    "the reeds, the mill pond, the island in the lake, the river mouth, the rapids, the lock of the canal, the beaver dam, the harbour wall"
)
SWIMMERS = _with("acts", {
    "otter": "dived in without a splash", "duck": "paddled off with great dignity", "frog": "leapt from one lily pad to the next",
    "pike": "shot through the water like a silver knife", "swan": "sailed out as calmly as a queen",
    "turtle": "swam slowly, but never stopped", "newt": "wriggled between the stones on the bottom",
    "water vole": "swam with only its whiskers above the water",
})  # fmt: skip

# A meal that lacks one thing; who has that thing; what the thing is needed for.
DISHES = _plain("apple cake, pancake tower, nut bread, honey pie, cheese tart, berry pudding")
NEEDS: dict[str, list[Entry]] = {
    "apple cake": _plain("eggs, milk, butter"),
    "pancake tower": _plain("eggs, milk, berries"),
    "nut bread": _plain("nuts, honey, butter"),
    "honey pie": _plain("honey, eggs, nuts"),
    "cheese tart": _plain("cheese, eggs, butter"),
    "berry pudding": _plain("berries, milk, honey"),
}
OWNERS: dict[str, list[Entry]] = {
    "eggs": _plain("hen, goose, peahen"),
    "milk": _plain("cow, goat"),
    "butter": _plain("cow, goat"),
    "cheese": _plain("sheep, goat"),
    "nuts": _plain("dormouse, chipmunk"),
    "honey": _plain("bear, queen bee"),
    "berries": _plain("blackbird, thrush, roe deer"),
}

# A young animal that is lost, where it belongs, and who knows the way.
YOUNG = [
    {"name": "duckling", "home": "the nest in the reeds", "parent": "the old duck", "cry": "Peep"},
    {"name": "lamb", "home": "the fold behind the hill", "parent": "the mother sheep", "cry": "Maa"},
    {"name": "kitten", "home": "the hay in the barn", "parent": "the grey cat", "cry": "Mew"},
    {"name": "bear cub", "home": "the den in the rocks", "parent": "the big bear", "cry": "Grr"},
    {"name": "fawn", "home": "the clearing in the forest", "parent": "the doe", "cry": "Eee"},
    {"name": "owlet", "home": "the hole in the ash tree", "parent": "the father owl", "cry": "Hoo"},
    {"name": "foal", "home": "the paddock by the river", "parent": "the black mare", "cry": "Hee"},
    {"name": "seal pup", "home": "the sandbank in the bay", "parent": "the mother seal", "cry": "Arr"},
]  # fmt: skip
GUIDES = _with("acts", {
    "tortoise": "knew every path, because it had walked them all slowly", "seagull": "flew ahead and looked back at every corner",
    "wild goose": "had seen the whole country from above", "snail": "pointed out its own silver trail from the day before",
    "firefly": "lit up the path in front of them", "old carp": "swam beside them along the stream and told them where to turn",
})  # fmt: skip

# Those who are asked along the way, and what they wish for: why they need it, and what then comes of it.
NEIGHBOURS = _plain(
    "donkey, pony, dog, pig, camel, rooster, hamster, beaver, lizard, ox, turkey, llama, zebra, yak, poodle, moose"
)
GIFTS = [
    {"name": name, "why": why, "then": then}
    for name, why, then in [
        ("lantern", "my home is so dark at night", "hung up the lantern, and for the first time there was light in every corner"),
        ("blanket", "the nights are getting cold", "crept under the blanket and was warm at last"),
        ("bell", "my children get lost in the fog", "rang the bell, and all the little ones came running"),
        ("broom", "there are dead leaves all over my floor", "swept until the floor shone"),
        ("needle", "my best cushion is torn", "mended the cushion with seven neat stitches"),
        ("rope", "my swing has come down", "hung up the swing and swung as high as the leaves"),
        ("mirror", "I have never seen my own face", "looked into the mirror and could not stop smiling"),
        ("hammer", "my door has come off", "nailed the door back on with three blows"),
        ("book", "the evenings are so long", "opened the book and began to read aloud"),
        ("flute", "it is far too quiet here", "played a tune that made even the grass dance"),
        ("basket", "I cannot carry all my berries", "filled the basket up to the brim"),
        ("cooking pot", "I have not had hot soup for weeks", "cooked a soup that smelled of leeks and thyme"),
        ("alarm clock", "I am late for everything", "wound up the clock and was early for the first time in years"),
        ("paintbrush", "my house looks so grey", "painted the house blue, with yellow stars"),
        ("umbrella", "I cannot stand wet feet", "opened the umbrella and waited eagerly for rain"),
        ("ladder", "the ripest pears hang too high", "leaned the ladder against the tree and picked the ripest pears"),
    ]
]  # fmt: skip
SITES = _plain(
    "in the attic of the school, behind the bakery, under the railway bridge, at the flea market, in an empty barn, beside the ferry landing, in the cellar of the inn, at the foot of the lighthouse, between two haystacks, under the stage of the theatre, in the ruins of the castle, beneath the stairs of the library, inside a rusty bus, next to the fountain"
)

# What is seen on the way there, and passed again on the way back; and what is in the bag.
SIGHTS = _plain(
    "the stone bridge, the three birches, the red barn, the empty bus stop, the field of sunflowers, the broken fence, the wayside cross, the blacksmith's yard, the frozen pond, the orchard, the old railway line, the water tower, the scarecrow, the chalk pit, the vineyard, the beehives, the signpost with no writing, the sleeping geese, the quiet churchyard, the garden of the doctor, the sawmill, the weather station, the great boulder, the hop poles, the pumpkin patch, the ferryman's hut, the football field, the poplars, the clay pits, the toll house, the marsh, the white chapel"
)
SNACKS = _plain(
    "a boiled egg, a slice of rye bread, two plums, a piece of cheese, a handful of raisins, a bottle of cold tea, half a cucumber, a cinnamon bun, three carrots, a bag of cherries, a pear, some walnuts, a honey biscuit, a jar of radishes, a cold potato, a pretzel, some liquorice, a peach, a sandwich, a cup of yoghurt, dried figs, a tomato, an orange, a waffle"
)

FIXED: Words = {"needs": NEEDS, "owners": OWNERS}
OPEN = {
    "children": CHILDREN, "family": FAMILY, "traits": TRAITS, "homes": HOMES, "colours": COLOURS,
    "rolling": ROLLING, "hollows": HOLLOWS, "diggers": DIGGERS, "flying": FLYING, "heights": HEIGHTS,
    "climbers": CLIMBERS, "shiny": SHINY, "thieves": THIEVES, "talkers": TALKERS, "floating": FLOATING,
    "waters": WATERS, "swimmers": SWIMMERS, "dishes": DISHES, "young": YOUNG, "guides": GUIDES,
    "neighbours": NEIGHBOURS, "gifts": GIFTS, "sites": SITES, "sights": SIGHTS, "snacks": SNACKS,
}  # fmt: skip


def tale_words(vocabulary: int) -> Words:
    """All lists; those that have no fixed partners with at most `vocabulary` values each."""
    return {**FIXED, **{name: values[:vocabulary] for name, values in OPEN.items()}}
