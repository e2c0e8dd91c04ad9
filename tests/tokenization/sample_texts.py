"""Texts that tokenizers get wrong, and strategies that make more of them."""

from hypothesis import strategies as st

TEXTS = {
    "english": "The quick brown fox didn't jump; it's 10,000 years old. I'LL SAY SO, they've said.",
    "german": "Größe und Übermut: der Fuß fährt Fahrrad über Straßen, 3½ Stunden lang.",
    "russian": "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "greek": "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία — ὁ λόγος.",
    "arabic": "نص حكيم له سر قاطع وذو شأن عظيم، مكتوب على ثوب أخضر ١٢٣٤٥.",
    "hindi": "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा १२३ का अंत।",
    "thai": "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า",
    "chinese": "我能吞下玻璃而不伤身体。\n他说:“你好,世界!”\n",
    "japanese": "いろはにほへと ちりぬるを。カタカナとﾊﾝｶｸ",
    "korean": "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
    "emoji": "Hello, 🌍! 你好! 👩‍👩‍👧‍👦 🏳️‍🌈 ❤️ 👍🏽 #️⃣",
    "white space": "  a   b\t\tc \n\n d\r\n\r\n\u00a0\u3000 f\u2003\u2003g\x0b\x0c\x1c\x85\n \n   ",
    "code": "def f(x):\n    return {'a': x[0] ** 2,  # 1_000\n\t\t'b': x != 3}\n\n\na->b//\n/*!*/",
    "cases": "HTTPServer XMLHttpRequest iPhone ǅungla ÉCOLE don'T CAN'T we'Re itſ'ſ O'Reilly's",
    "marks": "e\u0301te\u0301 n\u0303 \u0301alone q\u0323\u0307 क्षि ॐ",
    "special": "<|endoftext|> a<|endoftext|><|endoftext|>b <|end of",
    "one letter": "a" * 100 + " " + "é" * 50 + " " + "!" * 70 + " " * 60 + "1" * 40,
    "planes": "\x00\x7f\x80\u07ff\u0800\ufeff\ufffd\U00010000\U00013000\U000200a9\U0010fffd",
}

# Any character that this Python's Unicode tables know; newer tables class some of the others anew.
any_text = st.text(st.characters(exclude_categories=["Cs", "Cn"]))

# Characters that decide where a piece ends: white space, apostrophes, contractions, cases, marks.
_DECISIVE = " \t\n\r\u00a0\u3000'sStTlLvVeErRmMdDſaAǅʼ中\u0301\u093f09½.!/<|>-é🙂"
tricky_text = st.text(st.sampled_from(_DECISIVE), max_size=30)
