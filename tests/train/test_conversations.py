"""Conversations from a corpus: what is asked, what is answered, and which tokens are learned."""

from collections import Counter

import pytest
import torch
from transformers import AutoTokenizer

from sejong import nations
from sejong.errors import Failed, Refused
from sejong.flow import Artifact
from sejong.train.align import Packed, check_template, conversation_prefix
from sejong.train.batches import IGNORED
from sejong.train.conversations import Conversation, groundings, make, prompts
from sejong.train.tokens import open_tokenizer, special_ids
from tests.train.artifacts import page

WORDS = prompts({"questions": ["{topic}에 대해 알려 주세요.", "{topic}?"], "refusal": "답을 찾을 수 없습니다."})
PAGES = [(f"{number:03d}", page(number)) for number in range(120)]


def made(limit: int = 10_000) -> list[Conversation]:
    return make(PAGES, "train", WORDS, seed=1, characters=600, limit=limit)


def test_an_answer_is_the_sentence_of_its_passage_that_fits_the_heading_best() -> None:
    text = "# 표 삽입\n\n문서를 먼저 여십시오. 표 삽입 메뉴를 고르면 표가 들어갑니다. 끝나면 저장합니다.\n"
    (one,) = groundings("d", text, 600)
    assert (one.topic, one.key) == ("표 삽입", "표 삽입 메뉴를 고르면 표가 들어갑니다.")
    for conversation in made():
        roles = [role for role, _ in conversation.messages]
        if conversation.kind == "answer":
            assert roles == ["passage", "user", "assistant"]
            passage, question, answer = (content for _, content in conversation.messages)
            assert answer in passage
            heading = passage.partition("\n")[0].rpartition(" › ")[2]
            assert heading in question


def test_a_refusal_has_a_passage_that_does_not_fit_and_the_nations_sentence() -> None:
    texts = dict(PAGES)
    refusals = [one for one in made() if one.kind == "refusal"]
    assert len(refusals) > 8
    for one in refusals:
        passage, question, answer = (content for _, content in one.messages)
        assert answer == "답을 찾을 수 없습니다."
        topic = question.removesuffix("에 대해 알려 주세요.").removesuffix("?")
        assert topic in texts[one.document]
        assert topic not in passage


def test_a_section_is_answered_without_a_passage_by_its_beginning() -> None:
    texts = dict(PAGES)
    sections = [one for one in made() if one.kind == "section"]
    assert len(sections) > 10
    for one in sections:
        assert [role for role, _ in one.messages] == ["user", "assistant"]
        assert one.messages[1][1] in texts[one.document]


def test_the_same_seed_gives_the_same_conversations_and_a_limit_is_kept() -> None:
    assert made() == made()
    assert len({one.id for one in made()}) == len(made())
    assert len(made(50)) == 50
    counted = Counter(one.kind for one in made())
    assert counted["answer"] == 240 and 0.03 < counted["refusal"] / 240 < 0.1 and 0.1 < counted["section"] / 240 < 0.3


def test_a_text_without_headings_is_asked_by_a_sentences_first_words() -> None:
    (one,) = groundings("d", "국회는 국민이 뽑은 의원으로 구성합니다. 의원의 수는 법으로 정합니다.", 600)
    assert one.key.startswith(one.topic)


def test_a_heading_that_says_too_little_is_asked_with_the_one_above() -> None:
    topics = [one.topic for one in groundings("d", "# 쪽 번호\n\n## 사용\n\n쪽 번호를 넣으려면 메뉴를 엽니다.\n", 600)]
    assert topics == ["쪽 번호 사용"]


@pytest.mark.parametrize("wrong", [{}, {"questions": [], "refusal": "x"}, {"questions": ["무엇?"], "refusal": "x"}])
def test_incomplete_prompts_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(Refused, match=r"align\.(prompts|toml)"):
        prompts(wrong)


@pytest.mark.parametrize("name", nations.names())
def test_every_nation_has_prompts(name: str) -> None:
    found = nations.load(name).toml("prompts/align.toml")
    assert len(prompts(found).questions) >= 4
    assert found["system"]


def packed(tokenizer: Artifact, context: int = 256) -> Packed:
    opened = open_tokenizer(tokenizer.path)
    return Packed(made(), opened, conversation_prefix(tokenizer.path, special_ids(opened)), context, seed=1)


def test_ids_are_those_of_the_chat_template(tokenizer: Artifact) -> None:
    template = AutoTokenizer.from_pretrained(tokenizer.path)
    found = packed(tokenizer)
    for number in range(0, len(found.kept), 17):
        messages = [{"role": role, "content": content} for role, content in found.kept[number].messages]
        assert found.ids(number) == template.apply_chat_template(messages, tokenize=True, return_dict=False)
    check_template(tokenizer.path, found)
    found._ids[0][3] += 1
    with pytest.raises(Failed, match="chat template"):
        check_template(tokenizer.path, found)


def test_only_the_assistants_words_are_learned(tokenizer: Artifact) -> None:
    opened = open_tokenizer(tokenizer.path)
    found = packed(tokenizer)
    batch = found.batch(0, 20)
    learned = []
    for row in range(20):
        for number in batch.documents[row].unique().tolist():
            here = batch.documents[row] == number
            targets = batch.targets[row][here]
            asked = targets[targets != IGNORED].tolist()
            if number == -1:
                assert asked == []
                continue
            text = opened.decode(batch.tokens[row][here].tolist(), skip_special_tokens=False)
            assert opened.decode(asked, skip_special_tokens=False) == text.rpartition("<|assistant|>")[2]
            learned.append(text)
    assert learned


def test_an_epoch_of_packs_holds_every_conversation_once_and_positions_are_global(tokenizer: Artifact) -> None:
    found = packed(tokenizer)
    packs = found._epoch(0)
    assert sorted(one for pack in packs for one in pack) == list(range(len(found.kept)))
    assert all(sum(len(found.ids(one)) for one in pack) <= 256 for pack in packs)
    whole = found.batch(len(packs) - 5, 10)  # across the border of two epochs
    for row in range(10):
        assert torch.equal(found.batch(len(packs) - 5 + row, 1).tokens[0], whole.tokens[row])
    filled = float((found.batch(0, len(packs)).documents >= 0).float().mean())
    assert filled > 0.8, "packing wastes little"


def test_a_conversation_longer_than_the_context_is_left_out(tokenizer: Artifact) -> None:
    found = packed(tokenizer, context=70)
    assert 0 < len(found.kept) < len(made())
