"""The map of the course: twenty-two lessons in five parts, each with the question that it answers."""

import textwrap
from collections.abc import Collection

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from course_lib.figures.style import BLUE, INK, PALE, panel_title, panels

#: part → {lesson's file name: its question}
PARTS = {
    "What to predict": {
        "00_start_here": "How does this course work?",
        "01_information": "How surprised should a model be?",
        "02_tokenization": "What is a token?",
        "03_ngrams": "How far do counts get us?",
    },
    "How to learn": {
        "04_linear_models": "How does a model learn from one number?",
        "05_optimizers": "Which way is down, and how fast?",
        "06_regularization": "Why does a model that memorises fail?",
    },
    "Words and memory": {
        "07_embeddings": "What does a word mean?",
        "08_neural_ngrams": "What if the table were a network?",
        "09_rnn": "How can a network remember?",
        "10_lstm": "How can it remember longer?",
        "11_seq2seq": "How does one sequence become another?",
    },
    "Attention": {
        "12_attention": "What should I look at?",
        "13_positions": "How does a set become a sequence?",
        "14_transformer": "How do the pieces make a translator?",
        "15_gpt": "What is left when only the decoder remains?",
        "16_bert_t5": "What if the model may look both ways?",
    },
    "Larger and of use": {
        "17_moe": "How can a model grow without costing more?",
        "18_sampling": "How do probabilities become text?",
        "19_scaling": "What does more buy?",
        "20_alignment": "How does a predictor become an assistant?",
        "21_interview_room": "Can you do it at the whiteboard?",
    },
}


def course_map(here: Collection[str]) -> Figure:
    """Draw the lessons as boxes, one row per part, in the order of the course.

    here  file names of the lessons that are in this folder: blue boxes; the others are pale
    """
    figure, (axes,) = panels(width=12.5, height=6.2)
    for row, (part, lessons) in enumerate(PARTS.items()):
        axes.text(-0.04, row, part.replace(" and ", "\nand "), ha="right", va="center", fontsize=13, color=INK)
        for column, (name, question) in enumerate(lessons.items()):
            number, title = name.split("_", 1)
            present = name in here
            ink = "white" if present else INK
            box = Rectangle((column + 0.03, row - 0.43), 0.94, 0.86, color=BLUE if present else PALE)
            axes.add_patch(box)
            heading = f"{number}  {title.replace('_', ' ')}"
            axes.text(column + 0.08, row - 0.24, heading, color=ink, va="center", fontsize=11.5, fontweight="bold")
            lines = textwrap.fill(question, 20)
            axes.text(column + 0.08, row - 0.08, lines, color=ink, va="top", fontsize=10.5, linespacing=1.15)
    axes.set_xlim(-0.02, 5)
    axes.set_ylim(len(PARTS) - 0.5, -0.5)
    axes.axis("off")
    panel_title(axes, "Twenty-two lessons, each a question")
    return figure
