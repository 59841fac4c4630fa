"""Conversations made from the corpus: headings become questions, the sentence of a passage that fits best becomes the answer.

Three kinds. `answer`: a passage is given, the answer is the sentence of it that shares most with the question. `refusal`: the
passage given is another document's, the answer is the nation's refusal. `section`: no passage, the answer is the beginning
of the section. The content of a passage is its heading, a line break, and its text, as the service sends it.
Documents are taken in the order of their ids, which are hashes, so that the first ones are a fair sample.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from sejong.errors import Refused
from sejong.retrieval.passages import PATH, cut, sentences

ANSWER, REFUSAL, SECTION = "answer", "refusal", "section"
# Of the passages; every passage gives one `answer`. A small model says what it heard most: with more refusals, nothing else.
REFUSAL_SHARE, SECTION_SHARE = 0.06, 0.2
PASSAGE_CHARACTERS = 600  # as long as the index cuts them
ANSWER_CHARACTERS = (8, 240)  # shortest and longest sentence worth answering with
SECTION_CHARACTERS = 240
STOPS = tuple(".!?…。！？।။៕")
TOPIC_WORDS, TOPIC_CHARACTERS = 4, 24  # what a text without headings is asked by
SHORT_HEADING = 4  # characters; a shorter one ("Use") says nothing without the one above it
UNRELATED = 0.25  # most of a question's character pairs that a passage for a refusal may hold
TRIES = 8  # other passages looked at to find an unrelated one


@dataclass(frozen=True)
class Prompts:
    """The nation's words for tuning, from prompts/align.toml."""

    questions: tuple[str, ...]  # with {topic}
    refusal: str


@dataclass(frozen=True)
class Conversation:
    """Messages as a chat template takes them, the assistant's last."""

    id: str
    document: str
    kind: str
    split: str
    messages: tuple[tuple[str, str], ...]  # (role, content)


@dataclass(frozen=True)
class Grounding:
    """A passage that can be asked about."""

    document: str
    topic: str
    heading: str
    text: str
    key: str  # the sentence that answers

    @property
    def content(self) -> str:
        """What the model is given."""
        return f"{self.heading}\n{self.text}" if self.heading else self.text


def prompts(settings: dict[str, Any]) -> Prompts:
    """The prompts of a nation, checked.

    Raises:
        Refused: a key is missing, or a question has no place for the topic.
    """
    questions, refusal = settings.get("questions"), settings.get("refusal")
    if not questions or not refusal:
        raise Refused("align.prompts has no `questions` or no `refusal`: write both into the nation's prompts/align.toml")
    if wrong := [one for one in questions if one.count("{topic}") != 1]:
        raise Refused(f"prompts/align.toml: the question {wrong[0]!r} must contain {{topic}} once")
    return Prompts(tuple(questions), refusal)


def make(
    documents: Iterable[tuple[str, str]], split: str, words: Prompts, seed: int, characters: int, limit: int
) -> list[Conversation]:
    """At most `limit` conversations from (id, text) of documents of one split.

    Args:
        characters: longest passage; what fits the model's context, at most `PASSAGE_CHARACTERS`.
    """
    per_passage = 1 + REFUSAL_SHARE + SECTION_SHARE
    found: list[Grounding] = []
    for document, text in documents:
        found += groundings(document, text, min(characters, PASSAGE_CHARACTERS))
        if len(found) * per_passage >= limit:
            break
    draws = np.random.PCG64([seed, len(found)]).random_raw(4 * len(found)).reshape(-1, 4)
    made: list[Conversation] = []
    for place, (one, draw) in enumerate(zip(found, draws.tolist(), strict=True)):
        question = words.questions[draw[0] % len(words.questions)].replace("{topic}", one.topic)
        messages = [("passage", one.content), ("user", question), ("assistant", one.key)]
        made.append(conversation(one.document, ANSWER, split, messages))
        if draw[1] < REFUSAL_SHARE * 2**64 and (other := unrelated(found, place, draw[3])):
            messages = [("passage", other.content), ("user", question), ("assistant", words.refusal)]
            made.append(conversation(one.document, REFUSAL, split, messages))
        if draw[2] < SECTION_SHARE * 2**64:
            made.append(conversation(one.document, SECTION, split, [("user", question), ("assistant", beginning(one.text))]))
    return made[:limit]


def conversation(document: str, kind: str, split: str, messages: list[tuple[str, str]]) -> Conversation:
    """A conversation whose id is the hash of what it says and of where it is from."""
    said = "\0".join([document, kind, *(part for message in messages for part in message)])
    return Conversation(hashlib.sha256(said.encode()).hexdigest(), document, kind, split, tuple(messages))


def groundings(document: str, text: str, characters: int) -> Iterator[Grounding]:
    """The passages of a document that hold a sentence worth answering with."""
    for passage in cut(text, characters):
        body = text[passage.start : passage.end]
        shortest, longest = ANSWER_CHARACTERS
        heading = passage.heading.rpartition(PATH)[2]
        candidates = [body[start:end] for start, end in sentences(body) if shortest <= end - start <= longest]
        candidates = [one for one in candidates if one != heading]
        if not candidates:
            continue
        topic = topic_of(passage.heading) if heading else leading_words(candidates[len(body) % len(candidates)])
        wanted = pairs(topic)
        # Whole sentences before fragments of tables and menus; the first of equals.
        key = max(candidates, key=lambda sentence: (sentence.endswith(STOPS), len(wanted & pairs(sentence))))
        yield Grounding(document, topic, passage.heading, body, key)


def topic_of(heading: str) -> str:
    """What a section is about: its heading, with the one above where its own says too little."""
    *above, last = heading.split(PATH)
    return f"{above[-1]} {last}" if above and len(last) < SHORT_HEADING else last


def leading_words(sentence: str) -> str:
    """The first words of a sentence; its first characters where no spaces part the words."""
    return " ".join(sentence.split()[:TOPIC_WORDS])[:TOPIC_CHARACTERS].strip()


def beginning(text: str) -> str:
    """The first whole sentences of a text, up to `SECTION_CHARACTERS`, at least one."""
    spans = sentences(text)
    end = max([stop for _, stop in spans if stop <= SECTION_CHARACTERS], default=spans[0][1])
    return text[:end]


def unrelated(found: list[Grounding], place: int, draw: int) -> Grounding | None:
    """A passage of another document that shares little with the question at `place`; None if none is met soon."""
    wanted = pairs(found[place].topic)
    for attempt in range(TRIES):
        other = found[(place + draw + attempt * 7919) % len(found)]
        if other.document != found[place].document and len(wanted & pairs(other.content)) <= UNRELATED * len(wanted):
            return other
    return None


def pairs(text: str) -> set[str]:
    """Pairs of neighbouring characters inside words, lower-cased: what two texts share without knowing their language."""
    return {word[at : at + 2] for word in text.lower().split() for at in range(max(1, len(word) - 1))}
