"""Write sejong/nations/languages/ anew from FineWeb-2's configurations, as one file of JSON Lines.

    python scripts/languages.py THRESHOLDS.jsonl[.gz] --words FOLDER [--version COMMIT] [--out DIR]

Each line is one `configs/<language>_<Script>.yml` of https://github.com/huggingface/fineweb-2 as JSON, with its name as
`language`; FOLDER is its `misc/precision_filtering/wordlists-0.85`, words that stand in one language in 85% of their cases.
What is written are the numbers and words under the names of Sejong's rules; `LANGUAGES` below says which configuration serves a
language and which unit of Sejong counts as FineWeb-2's word tokenizer did (datatrove, `assets/tokenizer_assignment.csv`).
"""

import argparse
import gzip
import json
from pathlib import Path
from typing import Any

import regex

from sejong.nations import LANGUAGES as HOME

VERSION = "d0defb2"
WORD = regex.compile(r"[\p{L}\p{M}'’\u200c\u200d]{2,}")
# How many words are kept that tell a language from its rivals: where that was measured to help (Firefox's translations,
# five strings a document). Galician, Belarusian and Azerbaijani lost by it; of Croatian and Bosnian the lists are of no use.
TELLING = {"id": 400, "ms": 400} | dict.fromkeys(
    ["bg", "cs", "da", "hi", "jv", "mk", "mr", "ne", "nn", "no", "sk", "sr", "su"], 100
)
TOKENIZERS = {
    "spacy": ("token", "spaCy's rules: words, with punctuation marks as words of their own"),
    "indic": ("token", "the Indic NLP library: words between spaces, with punctuation marks as words of their own"),
    "stanza": ("token", "Stanza's network"),
    "kiwi": ("kiwi", "Kiwi's morphemes"),
    "sudachi": ("sudachi", "SudachiPy's short units (mode A), by way of spaCy"),
    "thai": ("thai", "PyThaiNLP's newmm"),
    "jieba": ("icu", "jieba, a dictionary with a hidden Markov model; ICU's dictionary is near it, not the same"),
    "khmer": ("icu", "khmer-nltk, a conditional random field; ICU's dictionary is near it, not the same"),
    "lao": ("icu", "LaoNLP's dictionary; ICU's is near it, not the same"),
    "burmese": ("icu", "pyidaungsu, a conditional random field; ICU's dictionary is near it, not the same"),
    "pyvi": ("pyvi", "pyvi, words of one or more syllables; Sejong has no such unit: calibrate"),
    "botok": ("botok", "botok's dictionary; Sejong has no such unit: calibrate"),
}

# ISO 639 code as the language identifier gives it (ISO 639-3 where there is none of two letters), FineWeb-2's
# configuration, name, tokenizer; and the codes of languages so near that an identifier confuses them.
LANGUAGES = """
af afr_Latn Afrikaans spacy nl
am amh_Ethi Amharic spacy
ar arb_Arab Arabic spacy arz
as asm_Beng Assamese indic bn
az azj_Latn Azerbaijani spacy tr
be bel_Cyrl Belarusian stanza ru uk
bg bul_Cyrl Bulgarian spacy mk
bn ben_Beng Bengali indic as bpy
bo bod_Tibt Tibetan botok dz
bs bos_Latn Bosnian spacy hr sr sh
ca cat_Latn Catalan spacy es oc
ceb ceb_Latn Cebuano spacy tl
ckb ckb_Arab Central_Kurdish indic fa
cs ces_Latn Czech spacy sk
cy cym_Latn Welsh stanza
da dan_Latn Danish spacy no nn
de deu_Latn German spacy als nds
dv div_Thaa Dhivehi spacy
el ell_Grek Greek spacy
es spa_Latn Spanish spacy gl ca
et ekk_Latn Estonian spacy fi
eu eus_Latn Basque spacy
fa fas_Arab Persian spacy
fi fin_Latn Finnish spacy et
fj fij_Latn Fijian spacy
fr fra_Latn French spacy
ga gle_Latn Irish spacy gd
gl glg_Latn Galician stanza pt es
gn gug_Latn Guarani spacy
gu guj_Gujr Gujarati indic
ha hau_Latn Hausa spacy
he heb_Hebr Hebrew spacy
hi hin_Deva Hindi indic mr ne bh mai
hr hrv_Latn Croatian spacy sr bs sh
ht hat_Latn Haitian_Creole spacy fr
hu hun_Latn Hungarian spacy
hy hye_Armn Armenian spacy
id ind_Latn Indonesian spacy ms jv su min
ig ibo_Latn Igbo spacy
is isl_Latn Icelandic spacy
it ita_Latn Italian spacy
ja jpn_Jpan Japanese sudachi
jv jav_Latn Javanese spacy id su
ka kat_Geor Georgian spacy xmf
kk kaz_Cyrl Kazakh stanza ky tt
km khm_Khmr Khmer khmer
kn kan_Knda Kannada indic
ko kor_Hang Korean kiwi
ku kmr_Latn Kurdish stanza
ky kir_Cyrl Kyrgyz spacy kk tt
lb ltz_Latn Luxembourgish spacy de
ln lin_Latn Lingala spacy
lo lao_Laoo Lao lao th
lt lit_Latn Lithuanian spacy lv
lv lvs_Latn Latvian spacy lt
mg plt_Latn Malagasy spacy
mi mri_Latn Maori spacy
mk mkd_Cyrl Macedonian spacy bg sr
ml mal_Mlym Malayalam indic
mn khk_Cyrl Mongolian stanza
mr mar_Deva Marathi indic hi ne gom
ms zsm_Latn Malay spacy id
mt mlt_Latn Maltese stanza
my mya_Mymr Burmese burmese
ne npi_Deva Nepali indic hi mr
nl nld_Latn Dutch spacy af
nn nno_Latn Nynorsk_Norwegian spacy no da
no nob_Latn Norwegian spacy da nn sv
ny nya_Latn Chichewa spacy
om gaz_Latn Oromo spacy
or ory_Orya Odia indic
pa pan_Guru Punjabi indic
pl pol_Latn Polish spacy
ps pbt_Arab Pashto indic fa
pt por_Latn Portuguese spacy gl es
ro ron_Latn Romanian spacy
ru rus_Cyrl Russian spacy uk be bg
rw kin_Latn Kinyarwanda spacy
sd snd_Arab Sindhi indic ur
si sin_Sinh Sinhala indic
sk slk_Latn Slovak spacy cs
sl slv_Latn Slovenian spacy hr
sm smo_Latn Samoan spacy
sn sna_Latn Shona spacy
so som_Latn Somali spacy
sq als_Latn Albanian spacy
sr srp_Cyrl Serbian spacy mk hr bs sh
st sot_Latn Southern_Sotho spacy
su sun_Latn Sundanese spacy id jv
sv swe_Latn Swedish spacy no da
sw swh_Latn Swahili spacy
ta tam_Taml Tamil indic
te tel_Telu Telugu indic
tg tgk_Cyrl Tajik spacy
th tha_Thai Thai thai
ti tir_Ethi Tigrinya spacy am
tk tuk_Latn Turkmen spacy
tl fil_Latn Filipino spacy ceb
tn tsn_Latn Tswana spacy
to ton_Latn Tongan spacy
tr tur_Latn Turkish spacy az
tt tat_Cyrl Tatar spacy kk ba
ug uig_Arab Uyghur stanza
uk ukr_Cyrl Ukrainian spacy ru be
ur urd_Arab Urdu indic pnb
uz uzn_Latn Uzbek spacy
vi vie_Latn Vietnamese pyvi
wo wol_Latn Wolof stanza
xh xho_Latn Xhosa spacy
yo yor_Latn Yoruba spacy
zh cmn_Hani Chinese jieba yue wuu
zu zul_Latn Zulu spacy
"""


def main(given: Path, words: Path, version: str, out: Path) -> None:
    """Write one TOML file a language into `out`; what lies there of other languages stays."""
    text = gzip.decompress(given.read_bytes()) if given.suffix == ".gz" else given.read_bytes()
    configurations = {row["language"]: row for row in map(json.loads, text.splitlines())}
    for line in LANGUAGES.strip().splitlines():
        code, name, english, tokenizer, *close = line.split()
        telling = _telling(words / f"{name}.txt", TELLING.get(code, 0))
        text = _file(code, configurations[name], english.replace("_", " "), tokenizer, close, telling, version)
        (out / f"{code}.toml").write_text(text, "utf-8")


def _telling(path: Path, count: int) -> list[str]:
    """The commonest words of a list, which is sorted by how often they stand."""
    lines = path.read_text("utf-8").split() if count else []
    return list(dict.fromkeys(word.lower() for word in lines if WORD.fullmatch(word)))[:count]


def _file(
    code: str, row: dict[str, Any], english: str, tokenizer: str, close: list[str], telling: list[str], version: str
) -> str:
    unit, told = TOKENIZERS[tokenizer]
    at = f"github.com/huggingface/fineweb-2 @ {version}, configs/{row['language']}.yml"
    source = f"FineWeb-2 (Penedo et al. 2025), {at}, Apache-2.0"
    return f"""# {english}: the limits that FineWeb-2 found for its web pages. See README.md here for what each number means.
code = "{code}"
name = "{english}"
source = "{source}"
unit = "{unit}"
measured_with = "{told}"

[language]
score = {row["language_score"]}  # of GlotLID
rivals = {json.dumps(close)}
telling = {json.dumps(telling, ensure_ascii=False)}

[gopher_quality]
min_words = 50
max_words = 100_000
min_word_length = {row["min_avg_word_length"]}
max_word_length = {row["max_avg_word_length"]}
max_symbol_ratio = 0.1
max_bullet_lines = 0.9
max_ellipsis_lines = 0.3
min_alphabetic_words = {row["max_non_alpha_words_ratio"]}
min_stop_words = 2
stop_words = {json.dumps(row["stopwords"], ensure_ascii=False)}

[gopher_repetition]
max_duplicate_lines = {row["dup_line_frac"]}
max_duplicate_paragraphs = 1.0  # not asked
max_duplicate_line_characters = 1.0  # not asked
max_duplicate_paragraph_characters = 1.0  # not asked
top_ngrams = {json.dumps(row["top_n_grams"])}
duplicate_ngrams = {json.dumps(row["dup_n_grams"])}

[fineweb]
min_line_punctuation = {max(row["line_punct_thr"], 0.0)}
max_short_lines = 1.0  # not asked
short_line_length = 30
max_duplicate_line_characters = 0.1
max_newline_ratio = {row["new_line_ratio"]}
"""


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("thresholds", type=Path)
    asked.add_argument("--words", type=Path, required=True)
    asked.add_argument("--version", default=VERSION)
    asked.add_argument("--out", type=Path, default=HOME)
    found = asked.parse_args()
    main(found.thresholds, found.words, found.version, found.out)
