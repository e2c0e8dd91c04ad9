"""The plots of the tales, as rules of a grammar.

A child loses something, or lacks something for a meal, or finds a lost animal. Somebody can help,
and wants a gift first; who has the gift wants another one first; and so on, `depth` wishes deep.
Then all debts are paid back in reverse order, and the story ends as what happened makes it end.

`#` is the level of a wish, `+` the level below it.
"""

# ruff: noqa: E501  (an alternative is a line)

from collections.abc import Mapping

from lib.corpora.grammar import Rules


def tale_rules(depth: int) -> Rules:
    """The rules for stories of at most `depth` wishes inside one another."""
    rules = {name: _weights(ways) for name, ways in STORY.items()}
    for level in range(1, depth + 1):
        for name, ways in WISH.items():
            if level == depth and name == "fetch#":
                ways = {way: weight for way, weight in dict(ways).items() if "+" not in way}
            rules[_at(level, name)] = {_at(level, way): w for way, w in _weights(ways).items()}
    return rules


def _at(level: int, text: str) -> str:
    return text.replace("#", str(level)).replace("+", str(level + 1))


def _weights(ways: tuple[str, ...] | Mapping[str, int | float]) -> Mapping[str, int | float]:
    """A plain tuple means: all equally likely."""
    return ways if isinstance(ways, Mapping) else dict.fromkeys(ways, 1.0)


STORY: dict[str, tuple[str, ...] | Mapping[str, int | float]] = {
    "start": {
        "<opening> <treasure> <roll>\n\n<reaction> <road> <seek_digger> <wish1>\n\n<fetch1> <return1>\n\n<result>": 2,
        "<opening> <treasure> <blow>\n\n<reaction> <road> <seek_climber> <wish1>\n\n<fetch1> <return1>\n\n<result>": 2,
        "<opening> <treasure> <steal>\n\n<reaction> <road> <seek_talker> <wish1>\n\n<fetch1> <return1>\n\n<result>": 2,
        "<opening> <treasure> <drift>\n\n<reaction> <road> <seek_swimmer> <wish1>\n\n<fetch1> <return1>\n\n<result>": 2,
        "<opening> <meal>\n\n<reaction> <road> <seek_owner> <wish1>\n\n<fetch1> <return1>\n\n<feast>": 3,
        "<opening> <stray>\n\n<reaction> <road> <seek_guide> <wish1>\n\n<fetch1> <return1>\n\n<homecoming>": 3,
    },
    # ------------------------------------------------------------------ who, and where
    "opening": (
        "Once upon a time a child called {hero:children} lived in a {home:homes}. Everybody said that {hero.they} was very {trait:traits}.",
        "In a {home:homes} there lived {trait.a:traits} child, and the name of the child was {hero:children}.",
        "There was once a child named {hero:children}, and {hero.they} was as {trait:traits} as anyone in a {home:homes} can be.",
        "Long ago, when animals could still talk, {hero:children} grew up in a {home:homes} and was known to be {trait:traits}.",
        "This is the story of {hero:children}. {hero.They} was {trait:traits}, and {hero.they} lived in a {home:homes}.",
        "Nobody in the {home:homes} was as {trait:traits} as {hero:children}.",
    ),
    # ------------------------------------------------------------------ a treasure, and how it is lost
    "treasure": (
        "On {hero.their} birthday {hero.their} {giver:family} gave {hero.them}",
        "{hero.Their} {giver:family} had brought {hero.them} something from a long journey:",
        "What {hero.they} loved most was a present from {hero.their} {giver:family}:",
        "All winter long {hero.their} {giver:family} had been making something for {hero.them}:",
    ),
    "roll": (
        "{colour.a:colours} {thing:rolling}. One morning {hero} tripped over a root, the {thing} slipped away, rolled down the hill and disappeared into {place:hollows}.",
        "{colour.a:colours} {thing:rolling}. But the street was steep. Somebody called, {hero} turned round for a moment, and already the {thing} was bouncing downhill, into {place:hollows}.",
        "{colour.a:colours} {thing:rolling}. A goat pushed against {hero}, just for fun, and the {thing} rolled and rolled until it was gone, deep down in {place:hollows}.",
    ),
    "blow": (
        "{colour.a:colours} {thing:flying}. One stormy afternoon the wind tore the {thing} out of {hero.their} hands and carried it up to {place:heights}.",
        "{colour.a:colours} {thing:flying}. It was hanging on the line to dry when a gust came round the corner, and the {thing} sailed away to {place:heights}.",
        "{colour.a:colours} {thing:flying}. {hero} only wanted to know how strong the wind was. It was very strong. A moment later the {thing} was stuck on {place:heights}.",
    ),
    "steal": (
        "{colour.a:colours} {thing:shiny}. It glittered so much in the sun that {thief.a:thieves} snatched it and flew to its nest.",
        "{colour.a:colours} {thing:shiny}. One night the window was open, and {thief.a:thieves}, which loves everything that shines, took the {thing} from the table.",
        "{colour.a:colours} {thing:shiny}. {hero} put it down on a wall to tie a shoe, and that was enough: {thief.a:thieves} seized the {thing} and was gone.",
    ),
    "drift": (
        "{colour.a:colours} {thing:floating}. After the rain the stream was fast. It pulled the {thing} along and carried it as far as {place:waters}.",
        "{colour.a:colours} {thing:floating}. {hero} let it swim on a string, but the string broke, and the {thing} floated away towards {place:waters}.",
        "{colour.a:colours} {thing:floating}. One evening {hero} forgot it on the bank. In the morning the water had risen and the {thing} was bobbing near {place:waters}.",
    ),
    # ------------------------------------------------------------------ other troubles
    "meal": (
        "It was the birthday of {hero.their} {giver:family}, and {hero} wanted to make {dish.a:dishes}. The fire was lit and the table was clean, but there was one thing missing: {need:needs@dish}.",
        "{hero.Their} {giver:family} lay in bed with a cold and wished for nothing but {dish.a:dishes}. {hero} went to the kitchen, opened every cupboard, and found no {need:needs@dish} at all.",
        "In the evening guests were coming, and {hero} had promised {hero.their} {giver:family} to make {dish.a:dishes}. Then the bowl fell on the floor, and all the {need:needs@dish} with it.",
    ),
    "stray": (
        "One rainy morning {hero} heard a small voice behind the house. \"{young.cry:young}! {young.cry}!\" it went. It was {young.a}, wet and all alone, and it had lost the way to {young.home}.",
        "On the way to {hero.their} {giver:family} {hero.they} saw something move in the ditch. It was {young.a:young}. \"I want to go home,\" it said, \"to {young.home}, but I do not know where that is.\"",
        "One morning {young.a:young} sat on the doorstep and cried. It had run after a butterfly, and now it could not find {young.home} any more.",
    ),
    "reaction": (
        "{hero} {trait.does}.",
        "At first {hero} did not know what to do. Then {hero.they} {trait.does}.",
        "Because {hero.they} was {trait}, {hero.they} {trait.does}.",
        "What would you have done? {hero} {trait.does}.",
    ),
    # ------------------------------------------------------------------ setting out
    "road": (
        "With {snack1:snacks} and {snack2:snacks} in {hero.their} bag {hero.they} walked past {sight1:sights} and past {sight2:sights}.",
        "{hero.They} put {snack1:snacks} and {snack2:snacks} into a bag, for nobody can think when hungry, and took the path by {sight1:sights} and {sight2:sights}.",
        "It was a long way. At {sight1:sights} {hero.they} ate {snack1:snacks}, at {sight2:sights} {snack2:snacks}.",
        "Behind {sight1:sights} {hero.they} stopped to eat {snack1:snacks}. \"I will keep {snack2:snacks} for later,\" {hero.they} said, and went on to {sight2:sights}.",
    ),
    # ------------------------------------------------------------------ who can help with that
    "seek_digger": (
        "Somebody small was needed, somebody who knew the world under the ground. So {hero.they} went to the {helper1:diggers}.",
        "\"Ask the {helper1:diggers},\" said the neighbours. \"Nobody knows better what is down there.\"",
        "Beside {place} sat {helper1.a:diggers} and looked at {hero.them} with interest.",
    ),
    "seek_climber": (
        "It was much too high for a child. So {hero.they} called the {helper1:climbers}.",
        "\"Only the {helper1:climbers} gets up there,\" said the neighbours.",
        "Not far from {place} lived {helper1.a:climbers}, and {hero.they} knocked at its door.",
    ),
    "seek_talker": (
        "Against a {thief} only cunning helps. So {hero.they} went to the {helper1:talkers}.",
        "\"The {helper1:talkers} can talk to anybody,\" said the neighbours, \"even to a {thief}.\"",
        "Under the nest of the {thief} {hero.they} met {helper1.a:talkers}.",
    ),
    "seek_swimmer": (
        "The water was cold and deep. So {hero.they} asked the {helper1:swimmers}.",
        "\"Talk to the {helper1:swimmers},\" said the fishermen. \"It is at home there.\"",
        "On the bank, not far from {place}, {helper1.a:swimmers} was sunning itself.",
    ),
    "seek_owner": (
        "The shop had run out of {need}. But the {helper1:owners@need} lived just across the field.",
        "\"If you need {need},\" said {hero.their} {giver}, \"you have to be polite to the {helper1:owners@need}.\"",
        "Who has {need}? The {helper1:owners@need}, of course! So off {hero.they} went.",
    ),
    "seek_guide": (
        "{hero} wrapped the {young} in a scarf and carried it to the {helper1:guides}, who had seen more of the world than anyone.",
        "\"We will ask the {helper1:guides},\" {hero.they} told the {young}. \"It knows all the ways.\"",
        "On the path they met {helper1.a:guides}, and {hero} greeted it politely.",
    ),
    # ------------------------------------------------------------------ how it ends
    "result": {
        "The {helper1} kept its word. It {helper1.acts}, and soon it came back with the {thing}. <joy>": 3,
        "Now it was the turn of the {helper1}. It {helper1.acts}. When it came back it had the {thing}, but the {thing} was badly scratched. <repair>": 2,
        "And the {helper1} tried everything. Once, twice, three times it {helper1.acts}. But it came back without the {thing}. <consolation>": 1,
    },
    "joy": (
        "{hero} pressed the {thing} to {hero.their} heart and danced all the way back to {home.the}, past {sight2} and past {sight1}. \"You must have been very {trait},\" said {hero.their} {giver} in the evening. {trait.moral}",
        "{hero} laughed out loud. From that day on {hero.they} took better care of the {colour} {thing}, and every Sunday {hero.they} visited the {helper1}.",
        "There was a feast in {home.the}. The {helper1} sat next to {hero}, and in the middle of the table, on a plate of its own, lay the {thing}. {trait.moral}",
        "\"Thank you,\" said {hero}. \"Thank you for the {gift1},\" said the {helper1}. And {hero.they} ran home, past {sight2} and past {sight1}, to show the {thing} to {hero.their} {giver}.",
    ),
    "repair": (
        "{hero.Their} {giver} looked at it for a long time and fetched the paint. The next day the {thing} was as {colour} as before, and more beautiful. {trait.moral}",
        "\"Never mind,\" said {hero.their} {giver}. \"Now your {thing} has a story.\" And {hero} told the story to everyone in {home.the}.",
        "{hero} was sad only for a moment. The scratch looked like a smile, and from then on {hero.they} liked the {thing} even better.",
    ),
    "consolation": (
        "{hero} had to cry a little, and the {helper1} cried with {hero.them}. So {hero.they} lost a {colour} {thing} that day and found a friend. {trait.moral}",
        "\"It is gone,\" said {hero}, \"but I have seen the world.\" {hero.Their} {giver} promised to make {hero.them} another one before the winter.",
        "Perhaps the {thing} is still there today. {hero} never saw it again, but {hero.they} often sat with the {helper1} and talked about it.",
    ),
    "feast": {
        "The {helper1} kept its word and gave {hero.them} more {need} than {hero.they} could carry. <cake>": 3,
        "By then the sun was setting, but the {helper1} kept its word, and {hero} ran home with the {need}, in the dark, by {sight2} and {sight1}. <late>": 1,
    },
    "cake": (
        "An hour later the whole of {home.the} smelled of {dish}. {hero.Their} {giver} ate three pieces and kept the last one for the {helper1}. {trait.moral}",
        "The {dish} turned out so well that {hero.their} {giver} asked for the secret. \"The secret is the {gift1},\" said {hero}, and {hero.they} told the whole story.",
        "It was the best {dish} that anyone in {home.the} had ever tasted. The {helper1} was invited, too.",
    ),
    "late": (
        "The {dish} was ready at midnight, and a little black at the edges. They ate it by candlelight, and {hero.their} {giver} said that it had never been so exciting to wait for {dish.a}.",
        "It was too late for {dish.a}. So they had it for breakfast, and that became a custom in {home.the}. {trait.moral}",
    ),
    "homecoming": {
        "The {helper1} kept its word. It {helper1.acts}. In front of {young.home} stood {young.parent}. <reunion>": 3,
        "The {helper1} kept its word. It {helper1.acts}. But nobody was at {young.home}. <waiting>": 1,
    },
    "reunion": (
        "\"{young.cry}!\" cried the {young}, and {hero} was not needed any more, and that was just as it should be. {trait.moral}",
        "There was such joy that nobody noticed how {hero} went back by {sight2} and {sight1} to {home.the}. But every spring somebody put a flower on {hero.their} doorstep.",
        "\"You are a {trait} child,\" said {young.parent}. \"Come whenever you like.\" And {hero} came often, and always the {helper1} came along.",
    ),
    "waiting": (
        "So {hero} and the {young} sat down and told each other stories. When the moon rose {young.parent} came back, tired from searching everywhere, and forgot all tiredness at once.",
        "\"They are looking for you,\" said {hero}, and {hero.they} began to sing as loudly as {hero.they} could. {young.Parent} heard it from far away and came running.",
    ),
}  # fmt: skip

WISH: dict[str, tuple[str, ...] | Mapping[str, int | float]] = {
    # Somebody, helper#, wants something, gift#, and says why.
    "wish#": (
        "\"I will help you,\" said the {helper#}, \"but first bring me {gift#.a:gifts}, because {gift#.why}.\"",
        "The {helper#} sighed. \"I would like to, but {gift#.why:gifts}. If only I had {gift#.a}!\"",
        "\"Gladly,\" said the {helper#}, \"if you find {gift#.a:gifts} for me. You must know that {gift#.why}.\"",
        "The {helper#} thought it over. \"{gift#.Why:gifts},\" it said at last. \"Bring me {gift#.a}, and we have a deal.\"",
    ),
    # Either it lies somewhere, or somebody has it who has a wish, too.
    "fetch#": {
        "{hero} looked {site#:sites}, and there, under dust and cobwebs, lay the {gift#}.": 1,
        "It took {hero.them} half a day. At last {hero.they} discovered {gift#.a} {site#:sites}.": 1,
        "By good luck {hero.they} remembered something that {hero.they} had once seen {site#:sites}: {gift#.a}. It was still there.": 1,
        "The only {gift#} far and wide belonged to the {helper+:neighbours}. <wish+> <fetch+> <return+> Then the {helper+} let {hero.them} have the {gift#}.": 1,
        "{hero} asked everywhere for {gift#.a}. \"I have one,\" said the {helper+:neighbours}, \"but I do not give it away for nothing.\" <wish+> <fetch+> <return+> \"A promise is a promise,\" said the {helper+} and handed over the {gift#}.": 1,
    },
    # The gift is handed over, and the wish comes true.
    "return#": (
        "The {helper#} was delighted. It {gift#.then}.",
        "{hero.They} carried the {gift#} to the {helper#}, and the {helper#} {gift#.then}.",
        "\"Is that for me?\" asked the {helper#}. It {gift#.then}.",
        "How happy the {helper#} was about the {gift#}! Straight away it {gift#.then}.",
    ),
}  # fmt: skip
