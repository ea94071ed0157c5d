"""The mouse-and-cheese world: a toy English of which every probability is known.

It is small enough to be learned in seconds, and has what makes language hard for a model that looks only a
few words back:

* the number of the subject decides the verb, however much is between them
  (“the mice near the old house *eat* …”, “the mouse that the cats chase *eats* …”);
* an early word decides a late one (a mouse eats cheese and a rabbit carrots; the Eiffel Tower stands in
  Paris; Ada says that *she* …);
* a few words are common and many are rare, about as Zipf's law has it.

Nothing in it can be said in two ways, so its entropy rate is exact: see `course_lib.data.grammar`. In the rules
a name in brackets becomes one of the sequences given for it, with a probability in proportion to the weight;
everything else is a word.
"""

from collections.abc import Sequence

from course_lib.data.grammar import Grammar, Rules, Symbols

# Each animal with its plural, what it eats (the favourite first) and whom it chases.
ANIMALS = """
mouse mice         cheese bread corn           frog
cat cats           fish cream chicken          mouse
dog dogs           meat bones fish             cat
rabbit rabbits     carrots clover apples       duck
bird birds         seeds worms berries         frog
cow cows           grass hay clover            dog
horse horses       oats hay apples             dog
fox foxes          grapes chicken eggs         rabbit
bear bears         honey berries fish          fox
monkey monkeys     bananas nuts mangoes        bird
goat goats         paper grass carrots         horse
squirrel squirrels nuts seeds acorns           mouse
duck ducks         bread worms oats            goat
panda pandas       bamboo leaves mangoes       monkey
frog frogs         flies worms ants            squirrel
"""
PLURAL_FOODS = """
carrots bones apples seeds worms berries grapes eggs bananas nuts mangoes acorns oats leaves flies ants
""".split()

# Each trade with its plural, its verb (singular, plural, past) and what it works on.
TRADES = """
baker bakers       bakes bake baked            bread cakes pies
teacher teachers   teaches teach taught        reading music history
farmer farmers     grows grow grew             corn grapes oats
writer writers     writes write wrote          letters books poems
painter painters   paints paint painted        pictures walls boats
sailor sailors     sails sail sailed           boats ships home
cook cooks         fries fry fried             eggs fish chicken
tailor tailors     sews sew sewed              coats shirts hats
potter potters     makes make made             cups bowls plates
gardener gardeners plants plant planted        trees roses clover
"""

LANDMARKS = {
    "the Eiffel Tower": "Paris",
    "the Colosseum": "Rome",
    "Big Ben": "London",
    "the Brandenburg Gate": "Berlin",
    "the Charles Bridge": "Prague",
    "the Acropolis": "Athens",
    "the Blue Mosque": "Istanbul",
    "the Alhambra": "Granada",
    "the Opera House": "Sydney",
    "the Atomium": "Brussels",
    "the Little Mermaid": "Copenhagen",
    "the Taj Mahal": "Agra",
    "the Space Needle": "Seattle",
    "the Belem Fort": "Lisbon",
}
WOMEN = "Ada Grace Marie Emmy Rosa Lise Hedy Joan".split()
MEN = "Alan Max Tom Claude Emil Kurt Paul Leo".split()
PLACES = """
house houses, garden gardens, tree trees, river rivers, barn barns, table tables, wall walls, hill hills,
bridge bridges, field fields, door doors, well wells
"""
ADJECTIVES = "little old hungry young happy white brown clever lazy quiet brave big".split()
ADVERBS = "often always never still slowly quickly".split()
DAYS = "Sunday Monday Saturday Friday Tuesday Thursday Wednesday".split()
NEAR = "near in behind under beside".split()

FORMS = ("sg", "pl", "past")  # of a verb: present with one, present with many, past
VERBS = {
    "eat": "eats eat ate, likes like liked, finds find found, steals steal stole, smells smell smelled, "
    "wants want wanted",
    "chase": "chases chase chased, sees see saw, follows follow followed, hears hear heard",
    "rest": "sleeps sleep slept, plays play played, hides hide hid, sings sing sang, waits wait waited",
    "go": "runs run ran, walks walk walked, comes come came, goes go went",
    "say": "says say said, thinks think thought, knows know knew, hopes hope hoped",
    "meet": "helps help helped, meets meet met, thanks thank thanked",
    "visit": "visits visit visited, loves love loved, admires admire admired",
}

NUMBERS = {"sg": 0.65, "pl": 0.35}  # how often a subject is one, or many
TENSES = {"sg": {"sg": 0.6, "past": 0.4}, "pl": {"pl": 0.6, "past": 0.4}}
RIGHT_CITY = 0.97  # speakers misplace three landmarks in a hundred


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def _zipf(words: Sequence[str], offset: int) -> dict[Symbols, float]:
    """Each word with weight 1 / (rank + offset); the first has rank 0."""
    return {(word,): 1 / (rank + offset) for rank, word in enumerate(words)}


def _small_words() -> Rules:
    """Verbs by kind and form, adjectives, places, times."""
    rules: Rules = {}
    for kind, verbs in VERBS.items():
        forms = zip(*(verb.split() for verb in verbs.split(",")))
        rules |= {f"[{kind} {form}]": _zipf(words, offset=2) for form, words in zip(FORMS, forms)}
    places = enumerate(PLACES.replace("\n", " ").split(","))
    rules["[place]"] = {
        (word,): share / (rank + 3) for rank, pair in places for word, share in zip(pair.split(), (0.7, 0.3))
    }
    rules["[some place]"] = {("the", "[place]"): 0.7, ("the", "[adjective]", "[place]"): 0.3}
    rules["[near]"] = _zipf(NEAR, offset=1)
    rules["[adjective]"] = _zipf(ADJECTIVES, offset=2)
    rules["[maybe adjective]"] = {(): 0.7, ("[adjective]",): 0.3}
    rules["[adverb]"] = _zipf(ADVERBS, offset=1)
    rules["[maybe adverb]"] = {(): 0.8, ("[adverb]",): 0.2}
    rules["[day]"] = _zipf(DAYS, offset=2)
    days = {("today",): 0.08, ("at", "night"): 0.09, ("on", "[day]"): 0.13}
    rules["[time]"] = {(): 0.7, **days}
    rules["[past time]"] = {(): 0.63, **days, ("yesterday",): 0.07}
    return rules


def _nouns() -> Rules:
    """Someone met on the way, and what may come between a subject and its verb."""
    ranked = [(rank, row, 1.0) for rank, row in enumerate(_rows(ANIMALS))]
    ranked += [(rank, row, 0.6) for rank, row in enumerate(_rows(TRADES))]
    rules: Rules = {"[anyone]": {("[one sg]",): 0.65, ("[one pl]",): 0.35}}
    for place, number in enumerate(NUMBERS):
        rules[f"[noun {number}]"] = {(row[place],): weight / (rank + 2) for rank, row, weight in ranked}
        rules[f"[one {number}]"] = {
            ("the", f"[noun {number}]"): 0.7,
            ("the", "[adjective]", f"[noun {number}]"): 0.3,
        }
        rules[f"[one {number} somewhere]"] = {
            (f"[one {number}]",): 0.85,
            (f"[one {number}]", "[near]", "[some place]"): 0.15,
        }
        for who in ("that", "who"):
            rules[f"[{who} {number}]"] = {
                (): 0.64,
                ("[near]", "[some place]"): 0.17,
                (who, f"[chase {number}]", "[anyone]"): 0.05,
                (who, "[chase past]", "[anyone]"): 0.03,
                (who, "[one sg somewhere]", "[chase sg]"): 0.06,
                (who, "[one pl somewhere]", "[chase pl]"): 0.05,
            }
    return rules


def _animals() -> Rules:
    """The animal decides what is eaten and who is chased."""
    rules: Rules = {"[animal story]": {}, "[where]": {(): 0.5, ("in", "[some place]"): 0.5}}
    plural = {one: many for one, many, *_ in _rows(ANIMALS)}
    for rank, (one, many, *diet, quarry) in enumerate(_rows(ANIMALS)):
        food = f"[food of {one}]"
        rules[food] = {(dish,): share for dish, share in zip(diet, (0.7, 0.2, 0.1))}
        rules[f"[meal of {one}]"] = {(food,): 0.55, ("the", food): 0.35, ("some", food): 0.1}
        rules[f"[quarry of {one}]"] = {
            ("the", quarry): 0.5,
            ("the", plural[quarry]): 0.3,
            ("the", "ball"): 0.2,
        }
        for noun, (number, share) in zip((one, many), NUMBERS.items()):
            subject = ("the", "[maybe adjective]", noun, f"[that {number}]")
            rules["[animal story]"][(*subject, f"[{noun} does]")] = share / (rank + 2)
            does: dict[Symbols, float] = {}
            rules[f"[{noun} does]"] = does
            for tense, weight in TENSES[number].items():
                time = "[past time]" if tense == "past" else "[time]"
                does["[maybe adverb]", f"[eat {tense}]", f"[meal of {one}]", time] = 0.45 * weight
                does["[maybe adverb]", f"[chase {tense}]", f"[quarry of {one}]", time] = 0.25 * weight
                does["[maybe adverb]", f"[rest {tense}]", "[where]", time] = 0.2 * weight
                does["[maybe adverb]", f"[go {tense}]", "to", "[some place]", time] = 0.1 * weight
    return rules


def _trades() -> Rules:
    """The trade decides the verb and what is made; people also say things, and what they say is a story."""
    rules: Rules = {"[trade story]": {}}
    for rank, (one, many, *verb, first, second, third) in enumerate(_rows(TRADES)):
        rules[f"[work of {one}]"] = {(first,): 0.6, (second,): 0.25, (third,): 0.15}
        for noun, (number, share) in zip((one, many), NUMBERS.items()):
            subject = ("the", "[maybe adjective]", noun, f"[who {number}]")
            rules["[trade story]"][(*subject, f"[{noun} does]")] = share / (rank + 2)
            does: dict[Symbols, float] = {}
            rules[f"[{noun} does]"] = does
            for tense, weight in TENSES[number].items():
                works = verb[FORMS.index(tense)]
                time = "[past time]" if tense == "past" else "[time]"
                does["[maybe adverb]", works, f"[work of {one}]", time] = 0.6 * weight
                does["[maybe adverb]", f"[meet {tense}]", "[anyone]", time] = 0.25 * weight
                does[f"[say {tense}]", "that", "[story]"] = 0.15 * weight
    return rules


def _landmarks() -> Rules:
    """The landmark decides the city, and the city the landmark."""
    rules: Rules = {"[landmark story]": {}, "[journey]": {}}
    wrong = (1 - RIGHT_CITY) / (len(LANDMARKS) - 1)
    for rank, (landmark, city) in enumerate(LANDMARKS.items()):
        there = {other: RIGHT_CITY if other == landmark else wrong for other in LANDMARKS}
        rules[f"[city of {landmark}]"] = {(LANDMARKS[other],): share for other, share in there.items()}
        rules[f"[sight of {city}]"] = {tuple(other.split()): share for other, share in there.items()}
        story = (*landmark.split(), "[fame]", "[stands]", "in", f"[city of {landmark}]")
        journey = ("[went]", "to", city, "[past time]", "and", "[visit past]", f"[sight of {city}]")
        rules["[landmark story]"][story] = rules["[journey]"][journey] = 1 / (rank + 1)
    rules["[went]"] = {("went",): 0.6, ("travelled",): 0.4}
    rules["[stands]"] = {("stands",): 0.7, ("rises",): 0.2, ("is",): 0.1}
    rules["[fame]"] = {
        (): 0.6,
        ("that", "[one sg]", "[visit sg]"): 0.2,
        ("that", "[one pl]", "[visit pl]"): 0.2,
    }
    return rules


def _foods() -> Rules:
    """Food tastes and lies about. Rarely it eats someone: that is grammatical, and improbable."""
    foods = dict.fromkeys(dish for _, _, *diet, _ in _rows(ANIMALS) for dish in diet)
    rules: Rules = {"[food story]": {}}
    for rank, food in enumerate(foods):
        tastes, lies = ("taste", "are") if food in PLURAL_FOODS else ("tastes", "is")
        subject = ("the", food, "[eaten by]")
        rules["[food story]"][(*subject, tastes, "[taste]")] = 0.6 / (rank + 1)
        rules["[food story]"][(*subject, lies, "[near]", "[some place]")] = 0.35 / (rank + 1)
        rules["[food story]"][(*subject, "ate", "[anyone]")] = 0.05 / (rank + 1)
    rules["[taste]"] = {("good",): 0.7, ("sweet",): 0.2, ("strange",): 0.1}
    rules["[eaten by]"] = {
        (): 0.7,
        ("that", "[one sg]", "[eat sg]"): 0.15,
        ("that", "[one pl]", "[eat pl]"): 0.15,
    }
    return rules


def rules() -> Rules:
    """Return all rules of the language; the first symbol is the sentence."""
    sentence: dict[Symbols, float] = {("[story]",): 0.78}
    rules: Rules = {
        "[sentence]": sentence,
        "[story]": {
            ("[animal story]",): 0.56,
            ("[trade story]",): 0.28,
            ("[landmark story]",): 0.12,
            ("[food story]",): 0.04,
        },
    }
    for pronoun, names in (("she", WOMEN), ("he", MEN)):
        rules[f"[{pronoun}]"] = _zipf(names, offset=1)
        rules[f"[what {pronoun} says]"] = {
            ("[story]",): 0.6,
            (pronoun, "[journey]"): 0.2,
            (pronoun, "[meet past]", "[anyone]"): 0.2,
        }
        sentence[f"[{pronoun}]", "[say sg]", "that", f"[what {pronoun} says]"] = 0.05
        sentence[f"[{pronoun}]", "[say past]", "that", f"[what {pronoun} says]"] = 0.03
        sentence[f"[{pronoun}]", "[journey]"] = 0.03
    return rules | _small_words() | _nouns() | _animals() | _trades() | _landmarks() | _foods()


class MouseAndCheese(Grammar):
    """The toy language: its words, its sentences and their exact probabilities. See `Grammar` for its methods.

    Example: `MouseAndCheese().decode(MouseAndCheese().sample(1, generator)[0])` is
    'the mice near the river eat cheese <eos>' or the like.
    """

    def __init__(self) -> None:
        super().__init__(rules())
