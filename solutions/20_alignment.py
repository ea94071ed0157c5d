# ---
# jupyter:
#   course:
#     title: How does a predictor become an assistant?
#     minutes: 90
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
r"""
# How does a predictor become an assistant?

Ask a language model *what does the mouse eat?* and it continues your text. *and what does the cat eat?* is a good continuation. It is no answer.

Everything that turns the one into the other changes probabilities: replies that somebody likes become likelier, and something holds the model near what it was. The picture below has both forces. Four replies, how likely the model finds each, how much people like each, and a leash: move it, and watch at which length the second-best reply disappears.
"""

# %% setup=true
import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.checks import check, earlier, show_answer, yours

torch.set_printoptions(precision=4, sci_mode=False)


def seeded(seed):
    """A source of randomness that gives the same numbers in every run."""
    return torch.Generator().manual_seed(seed)


# %%
import copy
import random
import time
from functools import lru_cache

from course_lib import alignment, decoding, scoreboard
from course_lib.budget import budget
from course_lib.data import conversations
from course_lib.device import best_device
from course_lib.figures import alignment as figures
from course_lib.figures.style import show
from course_lib.gpt import GPT, GPTConfig
from course_lib.language_model import draw_windows, nats_per_token, next_token_loss
from course_lib.metrics import pass_at_k as tested_pass_at_k
from course_lib.tokenization import steps
from course_lib.tokenization.pretokenize import count_words, gpt2_words
from course_lib.train import Trainer
from course_lib.widgets.alignment import clip_explorer, leash_explorer, trade_explorer
from course_lib.widgets.cards import flash_cards
from course_lib.widgets.chat import chat
from course_lib.widgets.predict import predict_choice, predict_curve

device = best_device()
torch.set_num_threads(1)  # matrices this small are faster on one core

# %%
leash_explorer()

# %% [markdown]
r"""
## What you will be able to do

- fine-tune a model so that it learns to answer, and not to ask;
- write the losses of the field, each in a few lines: Bradley–Terry, REINFORCE, group advantages, a KL penalty, PPO's clip, DPO;
- derive DPO in five steps;
- train a small GPT against an exact judge of grammar, and say what that costs besides time;
- recognise a reward that is being cheated;
- talk to a model whose tokenizer, network, sampler and losses you wrote.

**Time** about 90 minutes, best in two sittings (sections 1 to 5, and the rest); another 20 for what is marked optional. **Builds on** [01 Information](01_information.ipynb) (KL), [04 Linear models](04_linear_models.ipynb), [15 GPT](15_gpt.ipynb) and [18 Sampling](18_sampling.ipynb).
**Sizes** B replies, T tokens, V words, K replies to one prompt.
"""

# %% [markdown]
r"""
## 1 · Imitate

First a predictor. It reads {{12,000 = n_sentences}} sentences of the mouse-and-cheese world, cut by a byte-level BPE. The merges, the tokenizer and the network come from your notebooks of lessons 02 and 15 if they lie beside this one and pass their checks. Three special tokens mark who speaks: `<user>`, `<mouse>`, `<end>`.
"""

# %%
train_bpe = earlier("tokenization.train_bpe", steps.train_bpe)
Tokenizer = earlier("tokenization.Tokenizer", steps.Tokenizer)
Network = earlier("gpt.GPT", GPT)

# %%
language, n_sentences = scoreboard.language(), budget(12_000, 600)
asked, asked_otherwise, never_asked = conversations.split_questions()
drawn = language.sample(n_sentences, seeded(3))
sentences = [language.decode(ids[:-1]).lower() + "." for ids in drawn]
talk = [f"{question} {fact.reply(True)} {fact.reply(False)}" for question, fact in asked]
counts = count_words(" ".join(sentences[:3000] + talk), gpt2_words).items()
as_bytes = [(list(word.encode().decode("latin-1")), n) for word, n in counts]
merges = train_bpe(as_bytes, budget(250, 60))
tokenizer = Tokenizer(merges, ["<user>", "<mouse>", "<end>"])
USER, MOUSE, END = (tokenizer.special[name] for name in ("<user>", "<mouse>", "<end>"))
encode_word = lru_cache(maxsize=10_000)(tokenizer.encode)  # a word is cut once


def encode(text):
    return [i for word in gpt2_words(text) for i in encode_word(word)]


stream = torch.tensor([i for sentence in sentences for i in (*encode(sentence), END)])
print(f"{len(tokenizer.vocab)} tokens; the text has {len(stream):,}:")
print(tokenizer.decode(stream[:24].tolist()))

# %%
torch.manual_seed(0)
config = GPTConfig(vocab_size=len(tokenizer.vocab), seq_len=64, d_model=64, n_heads=4, n_layers=2)
predictor = Network(config).to(device)
windows = draw_windows(stream, 16, 64)
list(Trainer(predictor, windows, next_token_loss, steps=budget(250, 4), lr=4e-3))


def say(model, question, temperature=0.0, seed=0, max_new_tokens=24):
    """What the model puts behind a question, until it ends its turn."""
    prompt = [USER, *encode(question), MOUSE]
    text = decoding.generate(
        model, torch.tensor([prompt], device=device), max_new_tokens, decoding.Sampling(temperature), eos_id=END,
        generator=seeded(seed),
    )[0, len(prompt) :]  # fmt: skip
    return tokenizer.decode([i for i in text.tolist() if i != END])


for question in ("what does the mouse eat?", "where is the eiffel tower?"):
    print(f"{question:30} →", repr(say(predictor, question)))

# %% [markdown]
r"""
It knows sentences in which mice eat cheese. It has never seen a conversation. ***Supervised fine-tuning*** shows it some, with the loss of pretraining and one change: only the reply is graded. The prompt is read and never predicted, since a model that is to answer need not learn how people ask.

$$L = -\frac{1}{N} \sum_{b,t\,:\;\text{token } t \text{ of row } b \text{ belongs to the reply}} \ln \pi(y_{b,t} \mid y_{b,<t})$$

The model is now called the ***policy*** and written $\pi$; $N$ counts the graded tokens of the whole batch, so a long reply weighs more than a short one. Logits at position $t - 1$ predict token $t$: the mask shifts along with the targets.

By hand: probability ¾ for the only token of a reply gives $\ln \tfrac43 = {{0.2877 = math.log(4 / 3)}}$.

### Exercise · sft_loss

Rows are filled up at the right with a padding id. Whatever is outside the reply must change neither the loss nor its gradient, be it −∞ or nan. A softmax of such a row is nan, and nan · 0 is nan: leave the row out, do not multiply it by 0.
"""


# %% exercise="sft_loss" parts={"values": 2, "outside": 1} points=3 withheld="course_lib.alignment.supervised.sft_loss course_lib.alignment.supervised.sequence_log_probs course_lib.alignment.supervised.token_log_probs course_lib.language_model.next_token_loss"
def sft_loss(logits: Tensor, ids: Tensor, reply: Tensor) -> Tensor:
    """Return the mean cross-entropy of the reply's tokens, in nats a token.

    logits   (B, T, V) of a model that read ids; those at position t predict token t + 1
    ids      (B, T) int64: prompt, reply, padding
    reply    (B, T) boolean, True = a token of the reply; position 0, which nothing predicts, never
             counts
    returns  a scalar, the mean over all counted tokens of the batch; 0 where there is none.
             Gradients flow to logits. Logits that predict no token of the reply may be anything,
             ids outside the reply any number: neither changes the loss or its gradient

    Example: logits [[[0, 0], [0, ln 3], [0, 0]]], ids [[0, 1, 1]], reply [[False, False, True]]
    give ln 4/3 ≈ 0.2877.
    """
    ### BEGIN SOLUTION
    graded = reply[:, 1:]
    total = F.cross_entropy(logits[:, :-1][graded], ids[:, 1:][graded], reduction="sum")
    return total / graded.sum().clamp(min=1)
    ### END SOLUTION


# %% [markdown] hints="sft_loss"
r"""
1. Which logits predict the first token of the reply, and which slice of `reply` goes with `logits[:, :-1]`?
2. Index with the boolean mask: what remains are the rows that count, (N, V), and their targets, (N,).
3. `F.cross_entropy(logits[:, :-1][graded], ids[:, 1:][graded], reduction="sum")`, divided by how many there are, at least 1.
"""


# %% cases="sft_loss" active="py"
def cases(seed):
    logits = torch.tensor([[[0.0, 0.0], [0.0, math.log(3)], [0.0, 0.0]]])
    ids, last = torch.tensor([[0, 1, 1]]), torch.tensor([[False, False, True]])
    yield Case({"logits": logits, "ids": ids, "reply": last}, note="the docstring's example", part="values")
    for i, (batch, length, v) in enumerate(((1, 4, 3), (2, 5, 4), (3, 6, 5))):
        case = {
            "logits": random_tensor(seed + i, batch, length, v, scale=2.0),
            "ids": torch.randint(v, (batch, length), generator=generator(seed + i)),
        }
        starts = torch.arange(batch)[:, None] + 1
        reply = (torch.arange(length) >= starts) & (torch.arange(length) < length - starts + 1)
        yield Case(case | {"reply": reply}, note="replies of several lengths", part="values")
        yield Case(case | {"reply": torch.arange(length) >= 0 * starts}, note="no prompt", part="values")
        before = torch.cat([reply[:, 1:], torch.zeros(batch, 1, dtype=torch.bool)], dim=1)
        for poison, pad in ((-math.inf, 0), (math.nan, -1)):
            logits = case["logits"].where(before[..., None], torch.tensor(poison))
            case = case | {"logits": logits, "ids": case["ids"].where(reply, pad), "reply": reply}
            yield Case(case, note=f"logits of {poison}, ids of {pad} outside the reply", part="outside")
    no_reply = {"logits": torch.zeros(1, 3, 2), "ids": ids, "reply": torch.zeros_like(last)}
    yield Case(no_reply, note="no reply", part="outside")


# %% probe="sft_loss" active="py"
def probe(student, case):
    logits = case["logits"].clone().requires_grad_()
    loss = student(logits=logits, ids=case["ids"], reply=case["reply"])
    (gradient,) = torch.autograd.grad(loss, logits, allow_unused=True, materialize_grads=True)
    return {"loss": loss.detach(), "gradient": gradient}


# %% mistake="sft_loss" name="not_shifted" hint="Logits at position t predict token t + 1; you compare them with token t." active="py"
def sft_loss(logits, ids, reply, right=sft_loss):
    return right(torch.cat([logits[:, 1:], logits[:, :1]], dim=1), ids, reply)


# %% mistake="sft_loss" name="mask_not_shifted" hint="You shifted the targets but not the mask: the mask belongs to the tokens, so it loses its first column, as they do." active="py"
def sft_loss(logits, ids, reply):
    graded = reply[:, :-1]
    total = F.cross_entropy(logits[:, :-1][graded], ids[:, 1:][graded], reduction="sum")
    return total / graded.sum().clamp(min=1)


# %% mistake="sft_loss" name="prompt_too" hint="You grade the prompt and the padding as well; only the tokens of the reply count." active="py"
def sft_loss(logits, ids, reply):
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())


# %% mistake="sft_loss" name="mean_of_rows" hint="You average each reply first: every token of the batch has the same weight, so divide once, by all that count." active="py"
def sft_loss(logits, ids, reply, right=sft_loss):
    rows = [i for i in range(len(ids)) if reply[i, 1:].any()]
    each = [right(logits[i : i + 1], ids[i : i + 1], reply[i : i + 1]) for i in rows]
    return torch.stack(each).mean() if each else right(logits, ids, reply)


# %% mistake="sft_loss" name="times_the_mask" hint="You multiply the losses by the mask: nan · 0 is nan. Leave those positions out before the softmax." active="py"
def sft_loss(logits, ids, reply):
    losses = F.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten().clamp(min=0), reduction="none")
    graded = reply[:, 1:].flatten()
    return (losses * graded).sum() / graded.sum().clamp(min=1)


# %% [markdown]
r"""
Now the conversations. Each of {{54 = len(conversations.facts())}} facts can be asked for in four ways. Training sees three of them; of {{6 = len(never_asked) // 4}} facts it sees no question at all, though their sentences were in the text that the predictor read. Half of the replies are polite whole sentences, half are curt.
"""

# %%
my_sft_loss = yours("alignment.sft_loss", alignment.sft_loss)


def turn(question, reply):
    return [USER, *encode(question), MOUSE], [*encode(reply), END]


turns = [turn(question, fact.reply(polite)) for question, fact in asked for polite in (True, False)]
turns += [turn(*pair) for pair in conversations.small_talk()] * 2


def draw_turns(generator):
    chosen = torch.randint(len(turns), (32,), generator=generator).tolist()
    return alignment.join_replies(*zip(*(turns[i] for i in chosen)))


# %%
assistant = copy.deepcopy(predictor)


def reply_loss(model, batch):
    ids, reply = (part.to(device) for part in batch)
    return my_sft_loss(model(ids), ids, reply)


list(Trainer(assistant, draw_turns, reply_loss, steps=budget(300, 4), lr=4e-3))
for question in ("what does the mouse eat?", "where is the eiffel tower?", never_asked[0][0]):
    print(f"{question:34} →", say(assistant, question))


# %%
def answers(model, questions, draws=0):
    """Shares of replies that are right and that are polite: greedy, or drawn so many times."""
    right = courteous = 0
    for question, fact in questions:
        for seed in range(draws or 1):
            text = say(model, question, float(draws > 0), seed)
            right += text.endswith(f"{fact.word}.")
            courteous += text.startswith(conversations.POLITE)
    n = len(questions) * (draws or 1)
    return right / n, courteous / n


several = budget(48, 4)
right = {"asked otherwise": answers(assistant, asked_otherwise[:several])[0]}
right["never asked"] = answers(assistant, never_asked[:several])[0]
for kind, share in right.items():
    print(f"{kind:16} {share:.0%} right")

# %% [markdown]
r"""
It answers, and mostly rightly where it saw the fact asked for in other words ({{90 % = right["asked otherwise"] ± 9 %}}). Of the facts that nobody asked for in training, it gets {{0 % = right["never asked"] ± 10 %}} right, in perfect form: a confident sentence about something else. The sentences were in its text; fine-tuning taught *how* to reply and which replies go with the questions that were shown. Nothing taught it to say that it does not know, except for five questions about the moon and the like. A fluent reply without ground is called a ***hallucination***. (One run of a tiny model; larger ones carry far more over from what they read.)
"""

# %% [markdown]
r"""
## 2 · Compare

Written replies are dear, and they show one good answer without saying what is bad. To say which of two replies is better is easier than to write either. The ***Bradley–Terry model*** (1952) gives each reply a score $r$; the chance that $a$ is preferred to $b$ is $\sigma(r_a - r_b)$. A network trained to give such scores is a ***reward model***, and what is built on it by reinforcement is called ***RLHF***, reinforcement learning from human feedback (Christiano et al. 2017; Ouyang et al. 2022).

Maximum likelihood of the comparisons gives the loss, a mean over comparisons of $-\ln \sigma(r_\text{chosen} - r_\text{rejected})$. It is logistic regression ([04](04_linear_models.ipynb)) on differences: a constant added to all scores changes nothing.

By hand: scores ln 3 and 0 mean that the first wins with ¾, so the loss is $\ln\tfrac43 = {{0.2877 = math.log(4 / 3)}}$; equal scores give $\ln 2 = {{0.6931 = math.log(2)}}$.

### Exercise · bradley_terry_loss
"""


# %% exercise="bradley_terry_loss" points=2 withheld="course_lib.alignment.reward.bradley_terry_loss course_lib.alignment.preferences.dpo_loss torch.nn.functional.margin_ranking_loss"
def bradley_terry_loss(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Return the mean of −ln σ(chosen − rejected), in nats a comparison.

    chosen    (B,) scores of the replies that were preferred
    rejected  (B,) scores of those they were compared with
    returns   a scalar, finite for differences of a thousand in either direction; gradients flow to
              both

    Example: chosen [ln 3], rejected [0] give ln 4/3 ≈ 0.2877.
    """
    ### BEGIN SOLUTION
    return -F.logsigmoid(chosen - rejected).mean()
    ### END SOLUTION


# %% [markdown] hints="bradley_terry_loss"
r"""
1. What is `torch.sigmoid(torch.tensor(-1000.)).log()`?
2. There is a function in `torch.nn.functional` that gives ln σ without computing σ.
3. `F.logsigmoid(…)`, the mean, and a sign.
"""


# %% cases="bradley_terry_loss" active="py"
def cases(seed):
    example = {"chosen": torch.tensor([math.log(3)]), "rejected": torch.tensor([0.0])}
    yield Case(example, note="the docstring's example")
    yield Case({"chosen": torch.tensor([2.0]), "rejected": torch.tensor([2.0])}, note="equal scores")
    for i, n in enumerate((2, 3, 5)):
        scores = {"chosen": 2 * random_tensor(seed + i, n), "rejected": 2 * random_tensor(seed + 9 + i, n)}
        yield Case(scores, note="random scores")
    far = {"chosen": torch.tensor([-500.0, 800.0]), "rejected": torch.tensor([500.0, -200.0])}
    yield Case(far, note="scores a thousand apart")


# %% probe="bradley_terry_loss" active="py"
def probe(student, case):
    inputs = {name: scores.clone().requires_grad_() for name, scores in case.items()}
    loss = student(**inputs)
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {"loss": loss.detach()} | dict(zip(("gradient of chosen", "gradient of rejected"), gradients))


# %% mistake="bradley_terry_loss" name="reversed" hint="Your loss falls when the rejected reply scores higher: take chosen − rejected." active="py"
def bradley_terry_loss(chosen, rejected, right=bradley_terry_loss):
    return right(rejected, chosen)


# %% mistake="bradley_terry_loss" name="sum" hint="You added the comparisons up; the loss is their mean." active="py"
def bradley_terry_loss(chosen, rejected, right=bradley_terry_loss):
    return right(chosen, rejected) * len(chosen)


# %% mistake="bradley_terry_loss" name="log_of_sigmoid" hint="σ(−1000) is 0 in floating point, and its logarithm −∞: use a function that gives ln σ in one go." active="py"
def bradley_terry_loss(chosen, rejected):
    return -torch.sigmoid(chosen - rejected).log().mean()


# %% mistake="bradley_terry_loss" name="no_log" hint="You return a probability; the loss is its negative logarithm." active="py"
def bradley_terry_loss(chosen, rejected):
    return torch.sigmoid(rejected - chosen).mean()


# %% [markdown]
r"""
### What did it learn?

A model with two numbers: a reply's score is $w_1 \cdot$ (words of the reply) $+\; w_2 \cdot$ (1 if it is right). People compare a polite, right reply with a curt one, which is wrong in seven of ten pairs, and take the polite one every time. It is longer every time, too, and nobody told the model what decided.
"""

# %%
my_bt_loss = yours("alignment.bradley_terry_loss", alignment.bradley_terry_loss)


def features(reply, fact):
    return [float(len(reply.split())), float(reply.endswith(f"{fact.word}."))]


draw, pairs = random.Random(0), []
for _ in range(400):
    (_, fact), (_, other) = draw.choice(asked), draw.choice(asked)
    curt = fact if draw.random() < 0.3 else other
    pairs.append([features(fact.reply(True), fact), features(curt.reply(False), fact)])
pairs, weights = torch.tensor(pairs), torch.zeros(2, requires_grad=True)
optimizer = torch.optim.Adam([weights], lr=0.05)
for _ in range(200):
    optimizer.zero_grad()
    my_bt_loss(pairs[:, 0] @ weights, pairs[:, 1] @ weights).backward()
    optimizer.step()
words_weight, right_weight = weights.tolist()
endless = words_weight * 20
best_answer = words_weight * 6 + right_weight
print(f"a word {words_weight:.2f}, being right {right_weight:.2f}")
print(f"“with pleasure: the mouse eats cheese.” {best_answer:.1f}")
print(f"twenty words of nonsense {endless:.1f}")

# %% [markdown]
r"""
Every comparison is won, and the loss is nearly 0. Yet twenty words of nonsense score {{higher : endless > best_answer}} than the right answer in six. The data could not tell length from quality, and a reward model learns what separates the pairs that it was shown. That learned rewards favour length has been measured in large models as well (Singhal et al. 2023). Section 8 shows what happens when such a score is climbed.
"""

# %% [markdown]
r"""
## 3 · Sample, and reward

A score is no target: nobody says *which* reply would have scored higher. So let the policy write, score what it wrote, and make it likelier if it was good. That this climbs the expected reward is the ***policy gradient*** theorem:

$$\nabla\, \mathbb{E}_{y\sim\pi}[r(y)] = \sum_y r(y)\, \nabla \pi(y) = \sum_y \pi(y)\, r(y)\, \nabla \ln \pi(y) = \mathbb{E}_{y\sim\pi}[\,r(y)\, \nabla \ln \pi(y)\,]$$

The middle step is $\nabla \pi = \pi\, \nabla \ln \pi$. The reward may be a person, a compiler, a grammar: nobody differentiates it. Williams (1992) named the estimate ***REINFORCE***.

Subtract a ***baseline*** $b$ that does not depend on the reply. The mean stays, since $\mathbb{E}[\nabla \ln \pi] = \nabla \sum_y \pi(y) = 0$; the variance may fall a lot. What is left, $r - b$, is called the ***advantage***.

### Exercise · reinforce_loss

As a loss: $-\text{mean}\,((r - b) \ln \pi)$. Its value means nothing, only its gradient does.

By hand: rewards 1 and 3, baseline 2: the advantages are −1 and 1, so the gradient with respect to $\ln \pi$ is $(\tfrac12, -\tfrac12)$. The first reply is pushed down, the second up.
"""


# %% exercise="reinforce_loss" points=2 withheld="course_lib.alignment.policy_gradient.reinforce_loss course_lib.alignment.policy_gradient.ppo_clip_loss"
def reinforce_loss(log_probs: Tensor, rewards: Tensor, baseline: Tensor | float = 0.0) -> Tensor:
    """Return the loss whose gradient is, on average, minus that of the expected reward.

    log_probs  (B,) log-probability of each sampled reply; gradients flow to it, and to nothing else
    rewards    (B,) floats; they may come out of a network, which is not to be trained here
    baseline   what each reward is compared with: a number or (B,)
    returns    a scalar, −mean((rewards − baseline) · log_probs)

    Example: log_probs [-1, -2], rewards [1, 3], baseline 2 give 0.5, and the gradient [0.5, -0.5].
    """
    ### BEGIN SOLUTION
    advantages = rewards - baseline
    return -(advantages.detach() * log_probs).mean()
    ### END SOLUTION


# %% [markdown] hints="reinforce_loss"
r"""
1. If rewards come from a network, what would gradient descent do to them through this loss?
2. Advantages are numbers here, not functions of any weights: detach them.
3. `advantages = (rewards - baseline).detach()`
"""


# %% cases="reinforce_loss" active="py"
def cases(seed):
    example = {"log_probs": torch.tensor([-1.0, -2.0]), "rewards": torch.tensor([1.0, 3.0]), "baseline": 2.0}
    yield Case(example, note="the docstring's example")
    for i, n in enumerate((1, 3, 6)):
        case = {"log_probs": -random_tensor(seed + i, n).abs(), "rewards": random_tensor(seed + 9 + i, n)}
        yield Case(case, note="no baseline")
        yield Case(case | {"baseline": 0.3 + i}, note="one baseline for all")
        yield Case(case | {"baseline": random_tensor(seed + 19 + i, n)}, note="a baseline for each")


# %% probe="reinforce_loss" active="py"
def probe(student, case):
    names = [name for name, value in case.items() if isinstance(value, Tensor)]
    inputs = {name: case[name].clone().requires_grad_() for name in names}
    loss = student(**case | inputs)
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {"loss": loss.detach()} | {f"gradient of {name}": g for name, g in zip(names, gradients)}


# %% mistake="reinforce_loss" name="uphill" hint="The sign: gradient descent lowers the loss, so a good reply needs a negative coefficient." active="py"
def reinforce_loss(log_probs, rewards, baseline=0.0, right=reinforce_loss):
    return -right(log_probs, rewards, baseline)


# %% mistake="reinforce_loss" name="trains_the_rewards" hint="A gradient flows into the rewards: the loss would train whatever scored the replies. Detach the advantages." active="py"
def reinforce_loss(log_probs, rewards, baseline=0.0):
    return -((rewards - baseline) * log_probs).mean()


# %% mistake="reinforce_loss" name="no_baseline" hint="You do not subtract the baseline." active="py"
def reinforce_loss(log_probs, rewards, baseline=0.0, right=reinforce_loss):
    return right(log_probs, rewards)


# %% mistake="reinforce_loss" name="sum" hint="You added the replies up; the loss is their mean." active="py"
def reinforce_loss(log_probs, rewards, baseline=0.0, right=reinforce_loss):
    return right(log_probs, rewards, baseline) * len(log_probs)


# %% mistake="reinforce_loss" name="probabilities" hint="You weigh probabilities; the theorem has the gradient of their logarithms." active="py"
def reinforce_loss(log_probs, rewards, baseline=0.0, right=reinforce_loss):
    return right(log_probs.exp(), rewards, baseline)


# %% [markdown]
r"""
What a baseline buys, where everything can be listed: four replies, rewards between 10 and 11, thousands of estimates from 16 samples each, against the true gradient.
"""

# %%
my_reinforce_loss = yours("alignment.reinforce_loss", alignment.reinforce_loss)
four_logits = torch.tensor([0.3, -0.5, 1.0, 0.0], requires_grad=True)
four_rewards = torch.tensor([10.0, 10.6, 10.2, 11.0])
(true_gradient,) = torch.autograd.grad(-(four_logits.softmax(-1) * four_rewards).sum(), four_logits)
luck, spread, bias = seeded(0), {}, {}
for name in ("none", "leave one out"):
    found = []
    for _ in range(budget(2000, 50)):
        log_probs = four_logits.log_softmax(-1)
        drawn = torch.multinomial(log_probs.detach().exp(), 16, replacement=True, generator=luck)
        r = four_rewards[drawn]
        baseline = 0.0 if name == "none" else alignment.leave_one_out(r)
        loss = my_reinforce_loss(log_probs[drawn], r, baseline)
        found.append(torch.autograd.grad(loss, four_logits)[0])
    found = torch.stack(found)
    spread[name] = found.std(0).mean().item()
    bias[name] = (found.mean(0) - true_gradient).abs().max().item()
    print(f"baseline {name:14} spread {spread[name]:.3f}   mean off by {bias[name]:.3f}")

# %% [markdown]
r"""
Both are right on average. Without a baseline the estimates scatter {{29 = spread["none"] / spread["leave one out"] ± 5}} times as much: every reply is pushed up by 10, and only the small differences of these pushes say anything. ***Leave one out***, the mean of the *other* replies, is a baseline that does not know the reward it is compared with (RLOO, Ahmadian et al. 2024).
"""

# %% [markdown]
r"""
## 4 · A group is its own baseline

Sample K replies to the same prompt, and compare each with the mean of its group. That is the heart of ***GRPO***, group relative policy optimisation (Shao et al. 2024): PPO, which comes below, without the second network that guesses rewards. With $r_1 \dots r_K$ for one prompt:

$$A_i = \frac{r_i - \bar r}{s + \epsilon}, \qquad s^2 = \frac{1}{K-1}\sum_i (r_i - \bar r)^2$$

Dividing by $s$ has a side effect. Where 63 of 64 replies fail, $s$ is small and the lucky one gets a huge advantage; a prompt that is half solved gets a smaller push for each. Liu et al. (2025) leave the division out and call it Dr. GRPO (*done right*): an option here.

By hand: rewards 1, 0, 0, 1 have mean ½ and $s = 1/\sqrt3$, so the advantages are $\pm{{0.866 = 0.5 * 3 ** 0.5}}$, or ±½ without the division. A group of equal rewards teaches nothing.

### Exercise · group_advantages
"""


# %% exercise="group_advantages" points=2 withheld="course_lib.alignment.policy_gradient.group_advantages course_lib.alignment.policy_gradient.leave_one_out"
def group_advantages(rewards: Tensor, normalise: bool = True, eps: float = 1e-4) -> Tensor:
    """Return how much better each reply is than the replies to the same prompt.

    rewards    (P, K) floats: K ≥ 2 replies to each of P prompts. No gradient flows back to them
    normalise  True: divide by the group's standard deviation (of K − 1) plus eps; False: do
               not divide
    eps        added to the standard deviation
    returns    (P, K); each row sums to 0

    Raises ValueError when K is less than 2.

    Example: [[1, 0, 0, 1]] gives ±0.8659 (eps 1e-4), and ±0.5 with normalise=False.
    """
    ### BEGIN SOLUTION
    if rewards.size(1) < 2:
        raise ValueError(f"a group needs at least 2 replies, got {rewards.size(1)}")
    rewards = rewards.detach()
    advantages = rewards - rewards.mean(1, keepdim=True)
    return advantages / (rewards.std(1, keepdim=True) + eps) if normalise else advantages
    ### END SOLUTION


# %% [markdown] hints="group_advantages"
r"""
1. Over which dimension is the mean, and which shape must it have to be subtracted row by row?
2. `keepdim=True` leaves (P, 1). torch's `std` divides by K − 1 unless told otherwise.
3. `advantages = rewards - rewards.mean(1, keepdim=True)`
"""


# %% cases="group_advantages" active="py"
def cases(seed):
    yield Case({"rewards": torch.tensor([[1.0, 0.0, 0.0, 1.0]])}, note="the docstring's example")
    example = {"rewards": torch.tensor([[1.0, 0.0, 0.0, 1.0]]), "normalise": False}
    yield Case(example, note="the docstring's example, without division")
    for i, (prompts, k) in enumerate(((1, 2), (3, 4), (2, 5))):
        scale = torch.tensor([0.1, 1.0, 10.0])[:prompts, None]
        rewards = scale * random_tensor(seed + i, prompts, k) + 5 * random_tensor(seed + 9 + i, prompts, 1)
        yield Case({"rewards": rewards}, note="prompts of different scale")
        yield Case({"rewards": rewards, "normalise": False}, note="without division")
        yield Case({"rewards": rewards, "eps": 0.5}, note="a large eps")
    yield Case({"rewards": torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])}, note="one group of equal rewards")
    yield Case({"rewards": torch.tensor([[1.0], [2.0]])}, note="one reply a prompt")


# %% probe="group_advantages" active="py"
def probe(student, case):
    advantages = student(**case | {"rewards": case["rewards"].clone().requires_grad_()})
    return {"advantages": advantages.detach(), "has a gradient": bool(advantages.requires_grad)}


# %% equivalents="group_advantages" active="py"
equivalents = {
    "return advantages / (rewards.std(1, keepdim=True) + eps) if normalise else advantages → return detached(advantages / (rewards.std(1, keepdim=True) + eps) if normalise else advan…": "no gradient flows back to the rewards anyway",
}


# %% mistake="group_advantages" name="one_group" hint="You compare with the mean and deviation of all prompts together: an easy prompt is then praised for being easy." active="py"
def group_advantages(rewards, normalise=True, eps=1e-4, right=group_advantages):
    if rewards.size(1) < 2:
        raise ValueError("a group needs at least 2 replies")
    return right(rewards.reshape(1, -1), normalise, eps).reshape(rewards.shape)


# %% mistake="group_advantages" name="divided_by_k" hint="Your standard deviation divides by K; this one divides by K − 1, as torch does unless told otherwise." active="py"
def group_advantages(rewards, normalise=True, eps=1e-4, right=group_advantages):
    spread = rewards.detach().std(1, keepdim=True, correction=0)
    return right(rewards, False) / (spread + eps) if normalise else right(rewards, False)


# %% mistake="group_advantages" name="always_divided" hint="With normalise=False nothing is divided; you divide all the same." active="py"
def group_advantages(rewards, normalise=True, eps=1e-4, right=group_advantages):
    return right(rewards, True, eps)


# %% mistake="group_advantages" name="eps_ignored" hint="The argument eps is not used: it is added to the standard deviation." active="py"
def group_advantages(rewards, normalise=True, eps=1e-4, right=group_advantages):
    return right(rewards, normalise)


# %% mistake="group_advantages" name="leave_one_out" hint="You compare with the mean of the others; here the group's mean contains the reply itself." active="py"
def group_advantages(rewards, normalise=True, eps=1e-4, right=group_advantages):
    k = rewards.size(1)
    return right(rewards, normalise, eps) * k / (k - 1)


# %% [markdown]
r"""
## 5 · The leash

The reply with the highest reward, said always, maximises $\mathbb{E}[r]$. To keep the rest of what the model can do, charge it for every nat by which it leaves the ***reference***, the model before it was rewarded (Ziegler et al. 2019):

$$\max_\pi\; \mathbb{E}_{y \sim \pi}[r(y)] - \beta\, \text{KL}(\pi \,\Vert\, \pi_\text{ref})$$

This ***KL penalty*** has the direction of lesson [01](01_information.ipynb) that punishes replies the reference would not give. Its optimum is known in closed form, and is what the first picture shows:

$$\pi^*(y) = \tfrac1Z\, \pi_\text{ref}(y)\, e^{r(y)/\beta}$$

No reply that the reference can give ever gets probability 0, and two replies of equal reward keep their *ratio*. So the objective itself does not ask for fewer different replies, as long as $\beta > 0$.

By hand: the reference says yes with 0.5, yes is rewarded with 1 and no with 0, $\beta = 1$. Then yes gets $e/(e + 1) = {{0.7311 = math.e / (math.e + 1)}}$.
"""

# %% [markdown]
r"""
### Question · short_leash

The reference says yes with probability 0.2; yes is rewarded with 1, no with 0; $\beta = 0.5$. With which probability does the best policy say yes? (Two digits.)
"""

# %% exercise="short_leash" points=1 kind="number"
### BEGIN SOLUTION
short_leash = 0.2 * math.exp(2) / (0.2 * math.exp(2) + 0.8)
### END SOLUTION

# %% mistake="short_leash" name="times_beta" hint="The exponent is r / β, not r · β: a small β is a long leash." active="py"
short_leash = 0.2 * math.exp(0.5) / (0.2 * math.exp(0.5) + 0.8)

# %% mistake="short_leash" name="no_reference" hint="You left the reference out: the best policy multiplies its probabilities." active="py"
short_leash = math.exp(2) / (math.exp(2) + 1)

# %% mistake="short_leash" name="not_normalised" hint="This is more than a probability can be, or not the share of yes: divide by the sum over yes and no." active="py"
short_leash = 0.2 * math.exp(2)

# %% [markdown]
r"""
### Exercise · kl_penalised_reward

For sampled tokens, $\ln \pi - \ln \pi_\text{ref}$ is an unbiased estimate of the KL divergence at each place. So every token of the reply pays $\beta$ times that, and the last one gets the reward of the whole:

$$r_t = -\beta\,(\ln \pi(y_t) - \ln \pi_\text{ref}(y_t)) + r \cdot [\,t \text{ is the reply's last token}\,]$$

Added up, a row is $r - \beta\,(\ln \pi(y) - \ln\pi_\text{ref}(y))$. Rows are padded at the right; what is in the padding (−∞ for a forbidden id, say) must not matter: choose with `torch.where` or `masked_fill`, since 0 · ∞ is nan.

By hand: $r = 10$, $\beta = 0.5$, log-probabilities (−2, −3) against (−1, −3): rewards $0.5$ and $10$.
"""


# %% exercise="kl_penalised_reward" parts={"values": 2, "outside": 1} points=3 withheld="course_lib.alignment.policy_gradient.kl_penalised_reward course_lib.alignment.policy_gradient.kl_estimate torch.nn.functional.kl_div"
def kl_penalised_reward(
    reward: Tensor,
    log_probs: Tensor,
    ref_log_probs: Tensor,
    reply: Tensor,
    beta: float,
) -> Tensor:
    """Return a reward for every token: what it pays for straying, and at the end the reply's.

    reward         (B,) of each whole reply
    log_probs      (B, T) of the sampled tokens under the policy
    ref_log_probs  (B, T) under the reference
    reply          (B, T) boolean, True = a token of the reply, in one run; the last one gets the
                   reward. A row may have none
    beta           β ≥ 0
    returns        (B, T) without gradient, 0 outside the reply, whatever the other arguments hold
                   there

    Example: reward [10], log_probs [[-2, -3, 0]], ref_log_probs [[-1, -3, 0]], reply
    [[True, True, False]], β = 0.5 give [[0.5, 10, 0]].
    """
    ### BEGIN SOLUTION
    paid = (beta * (log_probs - ref_log_probs)).masked_fill(~reply, 0.0)
    after = torch.cat([reply[:, 1:], torch.zeros_like(reply[:, :1])], dim=1)
    return (torch.where(reply & ~after, reward[:, None], 0.0) - paid).detach()
    ### END SOLUTION


# %% [markdown] hints="kl_penalised_reward"
r"""
1. Which tokens of a row are in the reply and followed by none that is?
2. Shift the mask by one to the left: `reply & ~after` marks the last token. Fill the penalty with 0 outside the reply.
3. `torch.where(last, reward[:, None], 0.0) - penalty`, detached.
"""


# %% cases="kl_penalised_reward" active="py"
def cases(seed):
    yield Case(
        {
            "reward": torch.tensor([10.0]),
            "log_probs": torch.tensor([[-2.0, -3.0, 0.0]]),
            "ref_log_probs": torch.tensor([[-1.0, -3.0, 0.0]]),
            "reply": torch.tensor([[True, True, False]]),
            "beta": 0.5,
        },
        note="the docstring's example",
        part="values",
    )
    for i, (rows, length) in enumerate(((1, 3), (3, 5), (4, 6))):
        places = torch.arange(length)
        starts = torch.randint(0, 2, (rows, 1), generator=generator(seed + i))
        ends = torch.randint(2, length + 1, (rows, 1), generator=generator(seed + 5 + i))
        case = {
            "reward": 3 * random_tensor(seed + i, rows),
            "log_probs": -random_tensor(seed + 10 + i, rows, length).abs(),
            "ref_log_probs": -random_tensor(seed + 20 + i, rows, length).abs(),
            "reply": (places >= starts) & (places < ends),
        }
        yield Case(case | {"beta": 0.3 + 0.4 * i}, note="replies of several lengths", part="values")
        yield Case(case | {"beta": 0.0}, note="no leash", part="values")
        full = case | {"reply": torch.ones(rows, length, dtype=torch.bool), "beta": 0.2}
        yield Case(full, note="replies to the last column", part="values")
        for poison in (-math.inf, math.nan):
            spoiled = {name: case[name].where(case["reply"], torch.tensor(poison)) for name in case if "log" in name}
            yield Case(case | spoiled | {"beta": 0.7}, note=f"{poison} outside the reply", part="outside")
    none = case["reply"] & (torch.arange(rows) > 0)[:, None]
    yield Case(case | {"reply": none, "beta": 0.2}, note="a row without a reply", part="outside")


# %% probe="kl_penalised_reward" active="py"
def probe(student, case):
    rewards = student(**case | {"log_probs": case["log_probs"].clone().requires_grad_()})
    return {"rewards": rewards.detach(), "has a gradient": bool(rewards.requires_grad)}


# %% equivalents="kl_penalised_reward" active="py"
equivalents = {
    "return (torch.where(reply & ~after, reward[:, None], 0.0) - paid).detach() → return detached((torch.where(reply & ~after, reward[:, None], 0.0) - paid).detach())": "the result is without gradient anyway",
}


# %% mistake="kl_penalised_reward" name="pays_for_the_reference" hint="The sign of the penalty: a token pays where the policy finds it likelier than the reference does." active="py"
def kl_penalised_reward(reward, log_probs, ref_log_probs, reply, beta, right=kl_penalised_reward):
    return right(reward, ref_log_probs, log_probs, reply, beta)


# %% mistake="kl_penalised_reward" name="every_token" hint="Every token of yours gets the reward; only the last one of the reply does." active="py"
def kl_penalised_reward(reward, log_probs, ref_log_probs, reply, beta, right=kl_penalised_reward):
    return right(0 * reward, log_probs, ref_log_probs, reply, beta) + torch.where(reply, reward[:, None], 0.0)


# %% mistake="kl_penalised_reward" name="last_column" hint="You reward the last column; a shorter reply ends before it." active="py"
def kl_penalised_reward(reward, log_probs, ref_log_probs, reply, beta, right=kl_penalised_reward):
    rewards = right(0 * reward, log_probs, ref_log_probs, reply, beta)
    rewards[:, -1] += reward
    return rewards


# %% mistake="kl_penalised_reward" name="times_the_mask" hint="You multiply by the mask: 0 · ∞ is nan. Use masked_fill or torch.where." active="py"
def kl_penalised_reward(reward, log_probs, ref_log_probs, reply, beta, right=kl_penalised_reward):
    return (
        right(reward, 0 * log_probs, 0 * log_probs, reply, 0.0) - (beta * (log_probs - ref_log_probs) * reply).detach()
    )


# %% mistake="kl_penalised_reward" name="gradient" hint="Your rewards carry a gradient: they are numbers to be compared, not part of the loss's graph." active="py"
def kl_penalised_reward(reward, log_probs, ref_log_probs, reply, beta, right=kl_penalised_reward):
    return right(reward, log_probs, ref_log_probs, reply, beta) + 0 * log_probs.where(reply, 0.0)


# %% [markdown]
r"""
GRPO's authors put the leash into the loss instead, as the estimate $k_3 = e^x - 1 - x$ with $x = \ln \pi_\text{ref} - \ln \pi$ (Schulman 2020): unbiased, never negative, less noisy near the reference. It is a good estimate of the divergence; its *gradient* is not that of the divergence, a detail in which published trainers differ. Here the leash stays in the reward.

*A good place to stop for today.*
"""

# %% [markdown]
r"""
## 6 · Use a sample twice

Sampling is slow, so one takes several steps on each batch. After the first, the policy is no longer the one that wrote the replies. The ***importance ratio*** $\rho = \pi(y_t) / \pi_\text{old}(y_t)$ corrects for that, and explodes when the two drift apart. ***PPO***, proximal policy optimisation (Schulman et al. 2017), ends an action's push once its probability has moved by a share $\varepsilon$ in the right direction:

$$L = -\text{mean} \min\big(\rho A,\; \text{clamp}(\rho,\, 1 - \varepsilon,\, 1 + \varepsilon)\, A\big)$$

| | $\rho$ left the range upwards | downwards |
|---|---|---|
| $A > 0$ | enough: gradient 0 | pulled back |
| $A < 0$ | pulled back | enough: gradient 0 |

The minimum is what makes the two *pulled back* fields; a clamp alone would have no gradient there. Move ε and see.
"""

# %%
clip_explorer()

# %% [markdown]
r"""
### Exercise · ppo_clip_loss

By hand: probability 0.6 now, 0.3 when it was sampled, $A = 1$, $\varepsilon = 0.2$. The ratio 2 counts as 1.2, so the loss is −1.2.

Mind the padding once more. There $\ln\pi - \ln\pi_\text{old}$ may be −∞ − (−∞), or 100, whose exponential is ∞. A mask after the exponential repairs the loss, and the gradient is nan all the same: mask the *difference*.
"""


# %% exercise="ppo_clip_loss" parts={"values": 2, "outside": 1} points=3 withheld="course_lib.alignment.policy_gradient.ppo_clip_loss"
def ppo_clip_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, reply: Tensor, clip: float = 0.2
) -> Tensor:
    """Return PPO's clipped loss.

    log_probs      (B, T) of the sampled tokens under the policy; gradients flow to it alone
    old_log_probs  (B, T) under the policy that sampled them
    advantages     (B, T) of each token
    reply          (B, T) boolean, True = a token that counts; at least one. What the other
                   arguments hold elsewhere (nan, −∞) changes neither the loss nor its gradient
    clip           ε, between 0 and 1
    returns        a scalar, −mean over the tokens that count of min(ρA, clamp(ρ, 1 − ε, 1 + ε) · A)

    Example: log_probs [[ln 0.6]], old_log_probs [[ln 0.3]], advantages [[1]], reply [[True]] give
    −1.2.
    """
    ### BEGIN SOLUTION
    advantages = advantages.detach()[reply]
    ratio = (log_probs[reply] - old_log_probs.detach()[reply]).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()
    ### END SOLUTION


# %% [markdown] hints="ppo_clip_loss"
r"""
1. How do you get the ratio of two probabilities from their logarithms, and what is left of a tensor indexed by a boolean mask?
2. Take the tokens that count out of all three tensors first; then ratio, clamp, minimum, mean.
3. `ratio = (log_probs[reply] - old_log_probs.detach()[reply]).exp()`
"""


# %% cases="ppo_clip_loss" active="py"
def cases(seed):
    def one(now, old, advantage, **more):
        logs = {"log_probs": torch.tensor([[now]]).log(), "old_log_probs": torch.tensor([[old]]).log()}
        return logs | {"advantages": torch.tensor([[advantage]]), "reply": torch.tensor([[True]])} | more

    yield Case(one(0.6, 0.3, 1.0), note="the docstring's example", part="values")
    yield Case(one(0.3, 0.6, 1.0), note="good, and less likely than it was", part="values")
    yield Case(one(0.6, 0.3, -1.0), note="bad, and likelier than it was", part="values")
    yield Case(one(0.3, 0.6, -1.0), note="bad, and less likely than it was", part="values")
    for i, (rows, length) in enumerate(((1, 4), (2, 5), (3, 7))):
        old = -random_tensor(seed + i, rows, length).abs()
        reply = torch.arange(length) < torch.randint(1, length, (rows, 1), generator=generator(seed + i))
        case = {
            "log_probs": old + 0.4 * random_tensor(seed + 10 + i, rows, length),
            "old_log_probs": old,
            "advantages": random_tensor(seed + 20 + i, rows, length),
            "reply": reply,
        }
        yield Case(case, note="random", part="values")
        yield Case(case | {"clip": 0.05 + 0.2 * i}, note="another ε", part="values")
        for now, then in ((-math.inf, -math.inf), (0.0, -100.0)):
            spoiled = {"log_probs": case["log_probs"].where(reply, torch.tensor(now))}
            spoiled["old_log_probs"] = old.where(reply, torch.tensor(then))
            yield Case(case | spoiled, note=f"{now} and {then} outside the reply", part="outside")
        nan = case["advantages"].where(reply, torch.tensor(math.nan))
        yield Case(case | {"advantages": nan}, note="advantages of nan outside the reply", part="outside")


# %% probe="ppo_clip_loss" active="py"
def probe(student, case):
    names = ("log_probs", "old_log_probs", "advantages")
    inputs = {name: case[name].clone().requires_grad_() for name in names}
    loss = student(**case | inputs)
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {"loss": loss.detach()} | {f"gradient of {name}": g for name, g in zip(names, gradients)}


# %% mistake="ppo_clip_loss" name="clamp_alone" hint="You use the clamped product alone: a token that moved in the wrong direction gets no gradient and is never pulled back. Take the minimum of both products." active="py"
def ppo_clip_loss(log_probs, old_log_probs, advantages, reply, clip=0.2):
    advantages = advantages.detach()[reply]
    ratio = (log_probs[reply] - old_log_probs.detach()[reply]).exp()
    return -(ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


# %% mistake="ppo_clip_loss" name="maximum" hint="You take the larger of the two products; the loss is pessimistic and takes the smaller." active="py"
def ppo_clip_loss(log_probs, old_log_probs, advantages, reply, clip=0.2):
    advantages = advantages.detach()[reply]
    ratio = (log_probs[reply] - old_log_probs.detach()[reply]).exp()
    return -torch.maximum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


# %% mistake="ppo_clip_loss" name="no_clip" hint="Nothing is clipped: your loss is the plain ratio times the advantage." active="py"
def ppo_clip_loss(log_probs, old_log_probs, advantages, reply, clip=0.2, right=ppo_clip_loss):
    return right(log_probs, old_log_probs, advantages, reply, 1e9)


# %% mistake="ppo_clip_loss" name="mask_too_late" hint="The loss is right, and its gradient is nan where something outside the reply overflows: mask before the exponential." active="py"
def ppo_clip_loss(log_probs, old_log_probs, advantages, reply, clip=0.2):
    advantages = advantages.detach()
    ratio = (log_probs - old_log_probs.detach()).exp()
    gain = torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)
    return -gain.masked_fill(~reply, 0.0).sum() / reply.sum()


# %% mistake="ppo_clip_loss" name="mean_of_rows" hint="You average each reply first; here every token of the batch has the same weight." active="py"
def ppo_clip_loss(log_probs, old_log_probs, advantages, reply, clip=0.2, right=ppo_clip_loss):
    rows = [
        right(a[None], b[None], c[None], d[None], clip)
        for a, b, c, d in zip(log_probs, old_log_probs, advantages, reply)
    ]
    return torch.stack(rows).mean()


# %% mistake="ppo_clip_loss" name="ratio_upside_down" hint="Your ratio is π_old / π; it is π / π_old." active="py"
def ppo_clip_loss(log_probs, old_log_probs, advantages, reply, clip=0.2):
    advantages = advantages.detach()[reply]
    ratio = (old_log_probs.detach()[reply] - log_probs[reply]).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages).mean()


# %% [markdown]
r"""
## 7 · A judge that is never wrong

Rewards from people are dear, and rewards from a network can be fooled. Where a program can decide, it gives ***verifiable rewards***: unit tests for code, a checker for arithmetic. Our world has a perfect one. Its grammar knows whether a text is a sentence, and how probable that sentence is.
"""

# %%
for text in ("the mice eat cheese", "the cheese ate the mouse", "the mouse eat cheese"):
    ids = language.encode(f"{text} <eos>")
    verdict, nats = language.is_sentence(ids), -language.log_prob(ids)
    print(f"{text:26} a sentence: {verdict!s:5}  nats: {nats:.1f}")

# %% [markdown]
r"""
Grammatical is not the same as probable: cheese that eats mice is a sentence. Our predictor is a GPT of {{2 = base.config.n_layers}} layers that trained on the toy language for {{600 = base_steps}} updates, a token a word. It is unfinished on purpose.
"""

# %%
V, base_steps, EOS = len(language.vocabulary), budget(600, 4), 0
base = GPT(
    GPTConfig(vocab_size=V, seq_len=64, d_model=64, n_heads=4, n_layers=2),
    generator=seeded(0),
).to(device)
windows = draw_windows(scoreboard.training(), 16, 64)
list(Trainer(base, windows, next_token_loss, steps=base_steps, lr=4e-3))
held_out = scoreboard.held_out()[: budget(8000, 1000)]


# %%
def write_sentences(model, n, seed):
    return alignment.sample_replies(model, [EOS], n, 32, EOS, seeded(seed))


def is_grammatical(ids, reply):
    judged = [language.is_sentence(row[mask].tolist()) for row, mask in zip(ids, reply)]
    return torch.tensor(judged, device=ids.device).float()


def measure(model):
    """Four meters that are read side by side, and some texts."""
    ids, reply = write_sentences(model, budget(400, 40), 99)
    with torch.no_grad():
        of_model, of_base = (alignment.token_log_probs(m(ids), ids) for m in (model, base))
    texts = [language.decode(row[mask].tolist()) for row, mask in zip(ids, reply)]
    return {
        "grammatical": is_grammatical(ids, reply).mean().item(),
        "different": len(set(texts)),
        "nats": nats_per_token(model, held_out),
        "kl": ((of_model - of_base) * reply[:, 1:]).sum(1).mean().item(),
        "texts": texts[:6],
    }


# %%
runs = {"before": measure(base)}
print({name: value for name, value in runs["before"].items() if name != "texts"})

# %% [markdown]
r"""
Of 400 sentences that it writes, {{60 % = runs["before"]["grammatical"] ± 8 %}} are grammatical and {{389 = runs["before"]["different"] ± 8}} different. On held-out text it needs {{1.87 = runs["before"]["nats"] ± 0.04}} nats a token; the floor is {{1.75 = language.entropy_rate}}.

Now GRPO, in one function: 64 sentences a step, judged, charged for leaving the base, compared with each other, used twice. Your functions do the work as far as they pass their checks.
"""

# %%
penalise = yours("alignment.kl_penalised_reward", alignment.kl_penalised_reward)
compare_group = yours("alignment.group_advantages", alignment.group_advantages)
clip_loss = yours("alignment.ppo_clip_loss", alignment.ppo_clip_loss)


def grpo(policy, reward_of, beta, updates, reference=base, seed=0):
    """Return a copy of the policy, trained to raise a reward of whole sentences."""
    policy, luck = copy.deepcopy(policy), seeded(seed)
    optimizer = torch.optim.AdamW(policy.parameters(), lr=5e-4, betas=(0.9, 0.98), weight_decay=0.0)
    for _ in range(updates):
        ids, reply = alignment.sample_replies(policy, [EOS], 64, 32, EOS, luck)
        counts = reply[:, 1:]
        with torch.no_grad():
            old, ref = (alignment.token_log_probs(m(ids), ids) for m in (policy, reference))
        rewards = penalise(reward_of(ids, reply), old, ref, counts, beta)  # (64, T)
        advantages = compare_group(rewards.sum(1)[None]).T.expand_as(old)  # one prompt: one group
        for _ in range(2):
            log_probs = alignment.token_log_probs(policy(ids), ids)
            optimizer.zero_grad()
            clip_loss(log_probs, old, advantages, counts).backward()
            torch.nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
            optimizer.step()
    return policy


# %%
betas = (0.0, 0.1, 0.3, 1.0)
guess = predict_curve(
    "20_alignment.different",
    f"Before, {runs['before']['different']} of 400 sentences are different. After 40 steps?",
    x=betas,
    x_label="β, the leash (0: none)",
    y_label="different sentences of 400",
    low=0,
    high=400,
)
guess

# %%
start, trained = time.perf_counter(), {}
for beta in betas:
    trained[beta] = grpo(base, is_grammatical, beta, budget(40, 2))
    runs[beta] = measure(trained[beta])
    run = runs[beta]
    shown = f"grammatical {run['grammatical']:.0%}   different {run['different']}"
    shown += f"   nats {run['nats']:.2f}   KL {run['kl']:.2f}"
    print(f"β = {beta:<4} {shown}   ({time.perf_counter() - start:.0f} s)")
guess.reveal([runs[beta]["different"] for beta in betas])

# %%
trade_explorer(runs)

# %% [markdown]
r"""
Move the leash and read all three panels (one run for each β).

- **Grammar up**: from {{60 % = runs["before"]["grammatical"] ± 8 %}} to {{98 % = runs[0.0]["grammatical"] ± 3 %}} without a leash.
- **Variety down**: {{278 = runs[0.0]["different"] ± 60}} different sentences are left without a leash, and most of them are about who went where and saw which landmark: this story is the safest to tell.
- **Held-out loss up**, to {{2.42 = runs[0.0]["nats"] ± 0.35}} nats: it has become a worse model of the language, better than before only at not being caught.

With β = 0.3 it is {{88 % = runs[0.3]["grammatical"] ± 6 %}}, {{360 = runs[0.3]["different"] ± 25}} and {{1.99 = runs[0.3]["nats"] ± 0.06}}. A surprise: from β = 0 to 0.1 the variety does not rise. This is one run; which corner a policy retreats into is luck.
"""

# %% [markdown]
r"""
### How good could it be?

A popular conclusion is that a reward *must* be paid for with variety. The closed form says otherwise. For a reward of 0 or 1 and a base that is right with probability $p$, the best policy multiplies the odds by $e^{1/\beta}$ and touches nothing else. At $\beta \to 0$ it is the base on the condition that the text is grammatical: draw until the judge nods.
"""


# %%
def optimum(p, beta):
    """Share of grammatical sentences and KL of the best policy for a 0-or-1 reward."""
    share = p / (p + (1 - p) * math.exp(-1 / beta))
    return share, share * math.log(share / p) + (1 - share) * math.log((1 - share) / (1 - p))


p = min(max(runs["before"]["grammatical"], 0.01), 0.99)
ids, reply = write_sentences(base, budget(1200, 60), 7)
judged = zip(ids, reply, is_grammatical(ids, reply))
kept = [language.decode(row[mask].tolist()) for row, mask, nod in judged if nod]
nodded = len(set(kept[:400]))
print(f"draw until the judge nods: 100 % grammatical, {nodded} of {len(kept[:400])} different")
ideal = [optimum(p, beta) for beta in (3.0, 2.0, 1.5, 1.0, 0.7, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15)]
trained_at = {f"β = {beta:g}": (runs[beta]["kl"], runs[beta]["grammatical"]) for beta in betas}
show(
    figures.frontier(trained_at, ideal, p),
    alt="Share of grammatical sentences against nats from the base. The best policies rise steeply "
    f"to 100 % within {-math.log(p):.1f} nats; the trained ones lie to the right, the one without "
    f"a leash at {runs[0.0]['kl']:.1f}.",
)

# %% [markdown]
r"""
Nodding keeps {{382 = nodded ± 10}} of 400 different, all grammatical, at $-\ln p = {{0.5 = -math.log(p) ± 0.15}}$ nats from the base. The trained policies paid {{0.9 = runs[0.3]["kl"] ± 0.4}} nats (β = 0.3) and {{9 = runs[0.0]["kl"] ± 4}} (no leash). So the variety was not lost to grammar. It was lost to *optimisation*: few samples, big steps, and, without a leash, an objective to which any set of grammatical sentences is as good as any other. The price of nodding is paid elsewhere: at every use, {{1.7 = 1 / p ± 0.25}} samples a sentence, and a judge at hand.
"""

# %% [markdown]
r"""
### Find the bug · grpo_loss

A colleague wrote GRPO's loss for P prompts with K replies each, with the leash as $k_3$ in the loss. It runs, rewards rise for a while, and nobody is happy.
"""


# %% exercise="grpo_loss" parts={"groups": 1, "tokens": 1, "leash": 1} points=3 withheld="course_lib.alignment.policy_gradient.ppo_clip_loss course_lib.alignment.policy_gradient.group_advantages course_lib.alignment.policy_gradient.kl_estimate"
def grpo_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    ref_log_probs: Tensor,
    rewards: Tensor,
    reply: Tensor,
    beta: float,
) -> Tensor:
    """Return GRPO's loss without division by the standard deviation, ε = 0.2.

    log_probs, old_log_probs, ref_log_probs  (P, K, T), finite
    rewards  (P, K), compared within the K replies to the same prompt
    reply    (P, K, T) boolean; every reply has a token
    beta     weight of the leash, k₃ = eˣ − 1 − x with x = ref_log_probs − log_probs at each token
    returns  a scalar: −mean over all tokens of the replies of (PPO's minimum − β · k₃)
    """
    ### BEGIN SOLUTION
    advantages = (rewards - rewards.mean(1, keepdim=True))[..., None]
    ratio = (log_probs - old_log_probs).masked_fill(~reply, 0.0).exp()
    gain = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    x = (ref_log_probs - log_probs).masked_fill(~reply, 0.0)
    leash = x.exp() - 1 - x
    return -((gain - beta * leash) * reply).sum() / reply.sum()
    ### END SOLUTION
    ### BEGIN STARTER
    # advantages = (rewards - rewards.mean())[..., None]
    # ratio = (log_probs - old_log_probs).masked_fill(~reply, 0.0).exp()
    # gain = torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages)
    # x = (log_probs - ref_log_probs).masked_fill(~reply, 0.0)
    # leash = x.exp() - 1 - x
    # return -((gain - beta * leash) * reply).mean()
    ### END STARTER


# %% [markdown] hints="grpo_loss"
r"""
1. Take one prompt, one token and no leash, and compute by hand. Then two prompts; then two replies of different length; then a leash.
2. With whom is a reply compared? By how many tokens is the sum divided? Where does x come from?
3. `rewards.mean(1, keepdim=True)` is one of the three repairs.
"""


# %% cases="grpo_loss" active="py"
def cases(seed):
    for i, (p, k, t) in enumerate(((2, 2, 3), (3, 4, 5), (2, 3, 6))):
        old = -random_tensor(seed + i, p, k, t).abs()
        case = {
            "log_probs": old + 0.3 * random_tensor(seed + 10 + i, p, k, t),
            "old_log_probs": old,
            "ref_log_probs": old + 0.5 * random_tensor(seed + 20 + i, p, k, t),
            "rewards": random_tensor(seed + 30 + i, p, k),
        }
        full = {"reply": torch.ones(p, k, t, dtype=torch.bool), "beta": 0.0}
        ends = torch.randint(1, t, (p, k, 1), generator=generator(seed + i))
        same = case["rewards"][:1].expand(p, k).clone()
        apart = case | full | {"rewards": case["rewards"] + torch.arange(p)[:, None]}
        yield Case(apart, note="prompts of different difficulty, no padding, no leash", part="groups")
        short = case | full | {"reply": torch.arange(t) < ends, "rewards": same}
        yield Case(short, note="replies of different length, equal groups, no leash", part="tokens")
        for name in ("old_log_probs", "ref_log_probs"):
            far = case[name].where(short["reply"], torch.tensor(-200.0 if name[0] == "o" else 200.0))
            yield Case(short | {name: far}, note=f"{name} far off in the padding", part="tokens")
        yield Case(case | full | {"rewards": same, "beta": 0.5}, note="equal groups, no padding, a leash", part="leash")


# %% probe="grpo_loss" active="py"
def probe(student, case):
    log_probs = case["log_probs"].clone().requires_grad_()
    loss = student(**case | {"log_probs": log_probs})
    (gradient,) = torch.autograd.grad(loss, log_probs, allow_unused=True, materialize_grads=True)
    return {"loss": loss.detach(), "gradient": gradient}


# %% mistake="grpo_loss" name="one_group" hint="Replies are compared across prompts: an easy prompt is then praised for being easy." active="py"
def grpo_loss(log_probs, old_log_probs, ref_log_probs, rewards, reply, beta, right=grpo_loss):
    p, k, t = log_probs.shape
    flat = [x.reshape(1, p * k, t) for x in (log_probs, old_log_probs, ref_log_probs)]
    return right(*flat, rewards.reshape(1, -1), reply.reshape(1, p * k, t), beta)


# %% mistake="grpo_loss" name="padding_counts" hint="The sum is divided by all places, padding included; divide by the tokens of the replies." active="py"
def grpo_loss(log_probs, old_log_probs, ref_log_probs, rewards, reply, beta, right=grpo_loss):
    return right(log_probs, old_log_probs, ref_log_probs, rewards, reply, beta) * reply.sum() / reply.numel()


# %% mistake="grpo_loss" name="leash_reversed" hint="x is the logarithm of reference over policy; with its sign reversed, k₃ estimates nothing that is asked for." active="py"
def grpo_loss(log_probs, old_log_probs, ref_log_probs, rewards, reply, beta, right=grpo_loss):
    plain = right(log_probs, old_log_probs, ref_log_probs, rewards, reply, 0.0)
    x = (log_probs - ref_log_probs).masked_fill(~reply, 0.0)
    return plain + beta * ((x.exp() - 1 - x) * reply).sum() / reply.sum()


# %% [markdown]
r"""
## 8 · A reward that is cheated

The judge says yes or no at the end. Would it not be kinder to give partial credit? *The number of words before the first error*, say: dense, exact, computed by the same grammar. Here is a policy trained on it, without a leash.
"""

# %%
bet = predict_choice(
    "20_alignment.partial_credit",
    "The base gets 7 words right on average. Reward: words before the first error. After 40 steps?",
    {
        "a": "more words before the first error, more whole sentences",
        "b": "more words before the first error, as many whole sentences as before",
        "c": "more words before the first error, hardly any whole sentences",
    },
)
bet


# %%
def words_before_error(ids, reply):
    """The well-meant reward: how many words are right before the first that is not, of 32."""
    rewards = []
    for row, mask in zip(ids, reply):
        words = row[mask].tolist()
        wrong = (t for t in range(len(words)) if language.log_prob(words[: t + 1]) == -math.inf)
        rewards.append(next(wrong, len(words)) / 32)
    return torch.tensor(rewards, device=ids.device)


cheat, meters = base, []
for block in range(5):
    if block:
        cheat = grpo(cheat, words_before_error, 0.0, budget(10, 1), seed=block)
    ids, reply = write_sentences(cheat, budget(200, 20), 5)
    reward = 32 * words_before_error(ids, reply).mean().item()
    whole = is_grammatical(ids, reply).mean().item()
    meters.append((10 * block, reward, whole, reply.sum(1).float().mean().item()))
    print("steps {:2}   reward {:4.1f}   whole {:.0%}   words {:.1f}".format(*meters[-1]))
print(language.decode(ids[0][reply[0]].tolist()))
bet.reveal("c")

# %%
show(
    figures.hacked(meters),
    alt="The reward rises from step to step, while the share of whole sentences falls to nearly 0.",
)

# %% [markdown]
r"""
The reward grows {{3.7 = meters[4][1] / meters[0][1] ± 0.8}}-fold, to {{28 = meters[4][1] ± 4}} of 32 words. Whole sentences fall from {{60 % = meters[0][2] ± 9 %}} to {{4 % = meters[4][2] ± 8 %}}. The policy found out that a sentence which never ends never ends wrongly: *thinks that the old sailor in the house says that the old sailor …* This is ***reward hacking***. Nothing went wrong in the optimiser; the reward is satisfied by texts that nobody meant (one run). With learned rewards, Gao, Schulman and Hilton (2023) measured how true quality first rises, then falls, while the proxy rises on.

**How to see it.** The reward alone cannot show it: it looks best at the end. Watch what is *not* rewarded: a second judge on fresh samples, length (here {{31 = meters[4][3] ± 3}} words), the share of different texts, nats from the reference, held-out loss. And read samples. One glance would have been enough.
"""

# %% [markdown]
r"""
### Question · which_meter

You train with a learned reward model and no leash. Its score rises steadily. Which finding says most clearly that the policy is exploiting the reward model, rather than improving?

- **a** The advantages in each group sum to 0.
- **b** Replies that a fresh group of people prefers become fewer while the score rises.
- **c** The policy's KL divergence from the reference is above 0.
- **d** PPO clips a tenth of the tokens.
"""

# %% exercise="which_meter" points=1 kind="choice" choices="a b c d"
### BEGIN SOLUTION
which_meter = "b"
### END SOLUTION

# %% mistake="which_meter" name="a" hint="They always do: that is how advantages are made." active="py"
which_meter = "a"

# %% mistake="which_meter" name="c" hint="Every policy that learned something has left the reference; the distance alone does not tell good from bad." active="py"
which_meter = "c"

# %% mistake="which_meter" name="d" hint="Clipping tells how far one batch was used, not whether the reward means what you want." active="py"
which_meter = "d"

# %% [markdown]
r"""
## 9 · DPO: the leash is the loss

Rafailov et al. (2023) asked what remains of all this machinery if one solves the leashed objective on paper first. In five steps:

1. **The objective**, for each prompt $x$: $\max_\pi \mathbb{E}_{y\sim\pi}[r(x, y)] - \beta\,\text{KL}(\pi \Vert \pi_\text{ref})$.
2. **One fraction.** With $Z = \sum_y \pi_\text{ref}(y)\,e^{r/\beta}$ and $\pi^* = \pi_\text{ref}\, e^{r/\beta} / Z$ the objective is $\beta \ln Z - \beta\, \text{KL}(\pi \Vert \pi^*)$, since $r = \beta \ln \pi^* - \beta \ln \pi_\text{ref} + \beta \ln Z$.
3. **The optimum.** KL is at least 0, and 0 for equal distributions: $\pi = \pi^*$.
4. **Backwards.** So every policy is the optimum for some reward: $r = \beta \ln \dfrac{\pi}{\pi_\text{ref}} + \beta \ln Z$. Nobody can compute $Z$, a sum over all texts.
5. **Compare.** Bradley–Terry asks only for $r_\text{chosen} - r_\text{rejected}$. Both replies have the same prompt, so the same $Z$: it cancels.

$$L = -\ln \sigma\Big(\beta \ln \frac{\pi(y_c)}{\pi_\text{ref}(y_c)} - \beta \ln \frac{\pi(y_r)}{\pi_\text{ref}(y_r)}\Big)$$

***Direct preference optimisation***: logistic regression on log-probabilities, no sampling.
"""

# %% [markdown]
r"""
### Exercise · dpo_loss

By hand: where the policy is still the reference, both differences are 0 and the loss is $\ln 2 = {{0.6931 = math.log(2)}}$. With $\beta = 0.1$, a chosen reply that gained 5 nats and a rejected one that lost 5 give $-\ln \sigma(1) = {{0.3133 = math.log(1 + math.exp(-1))}}$.
"""


# %% exercise="dpo_loss" points=3 withheld="course_lib.alignment.preferences.dpo_loss course_lib.alignment.preferences.implicit_reward course_lib.alignment.reward.bradley_terry_loss"
def dpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    ref_chosen: Tensor,
    ref_rejected: Tensor,
    beta: float = 0.1,
) -> Tensor:
    """Return the Bradley–Terry loss of the policy's implicit rewards, in nats a comparison.

    chosen, rejected          (B,) log-probabilities of whole replies under the policy
    ref_chosen, ref_rejected  (B,) the same under the reference; no gradient flows to them
    beta                      β > 0
    returns                   a scalar, the mean over comparisons; finite for differences of ten
                              thousand nats

    Example: chosen [-5], rejected [-15], ref_chosen [-10], ref_rejected [-10], β = 0.1 give 0.3133.
    """
    ### BEGIN SOLUTION
    margin = (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    return -F.logsigmoid(beta * margin).mean()
    ### END SOLUTION


# %% [markdown] hints="dpo_loss"
r"""
1. What is the implicit reward of one reply, and which part of it cancels in the comparison?
2. The margin is how much more the chosen reply gained on the reference than the rejected one did; β multiplies it inside σ.
3. `margin = (chosen - ref_chosen.detach()) - (…)`
"""


# %% cases="dpo_loss" active="py"
def cases(seed):
    def case(*values, **more):
        names = ("chosen", "rejected", "ref_chosen", "ref_rejected")
        return {name: torch.as_tensor(x, dtype=torch.float32) for name, x in zip(names, values)} | more

    yield Case(case([-5.0], [-15.0], [-10.0], [-10.0]), note="the docstring's example")
    yield Case(case([-7.0, -3.0], [-9.0, -4.0], [-7.0, -3.0], [-9.0, -4.0]), note="still the reference")
    for i, n in enumerate((1, 3, 5)):
        logs = [-8 * random_tensor(seed + 10 * i + j, n).abs() for j in range(4)]
        yield Case(case(*logs), note="random")
        yield Case(case(*logs, beta=0.3 + 0.4 * i), note="another β")
    yield Case(case([-1e4], [0.0], [0.0], [0.0], beta=1.0), note="far on the wrong side")


# %% probe="dpo_loss" active="py"
def probe(student, case):
    names = [name for name in case if name != "beta"]
    inputs = {name: case[name].clone().requires_grad_() for name in names}
    loss = student(**case | inputs)
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    return {"loss": loss.detach()} | {f"gradient of {name}": g for name, g in zip(names, gradients)}


# %% mistake="dpo_loss" name="no_reference" hint="The reference is missing: what counts is how much each reply gained on it." active="py"
def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1, right=dpo_loss):
    return right(chosen, rejected, 0 * ref_chosen, 0 * ref_rejected, beta)


# %% mistake="dpo_loss" name="beta_outside" hint="β belongs inside the sigmoid, as a factor of the margin; you multiply the loss by it." active="py"
def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1, right=dpo_loss):
    return beta * right(chosen, rejected, ref_chosen, ref_rejected, 1.0)


# %% mistake="dpo_loss" name="reversed" hint="Your loss falls when the rejected reply becomes likelier: chosen minus rejected." active="py"
def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1, right=dpo_loss):
    return right(rejected, chosen, ref_rejected, ref_chosen, beta)


# %% mistake="dpo_loss" name="references_added" hint="The reference's log-probabilities are subtracted from the policy's; you have a sign the other way round." active="py"
def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1, right=dpo_loss):
    return right(chosen, rejected, -ref_chosen, -ref_rejected, beta)


# %% mistake="dpo_loss" name="log_of_sigmoid" hint="The sigmoid of a very negative number is 0 and its logarithm −∞: use the function that gives ln σ in one go." active="py"
def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    margin = (chosen - ref_chosen.detach()) - (rejected - ref_rejected.detach())
    return -torch.sigmoid(beta * margin).log().mean()


# %% mistake="dpo_loss" name="trains_the_reference" hint="A gradient flows to the reference; it is what the policy is compared with, not something to be trained." active="py"
def dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta=0.1):
    return -F.logsigmoid(beta * ((chosen - ref_chosen) - (rejected - ref_rejected))).mean()


# %% [markdown]
r"""
### Polite mice

Half of the replies that our assistant imitated were curt. People prefer the polite ones. Each comparison: one question, the right answer in both manners.
"""

# %%
my_dpo_loss = yours("alignment.dpo_loss", alignment.dpo_loss)
polite, manners = copy.deepcopy(assistant), []
optimizer = torch.optim.AdamW(polite.parameters(), lr=3e-4, weight_decay=0.0)
luck = seeded(1)


def batches_of_replies(questions):
    """The same questions with polite and with curt replies."""
    for kind in (True, False):
        of_kind = [turn(question, fact.reply(kind)) for question, fact in questions]
        yield alignment.join_replies(*zip(*of_kind))


for _ in range(budget(30, 3)):
    some = [asked[i] for i in torch.randint(len(asked), (16,), generator=luck).tolist()]
    both = [(ids.to(device), reply.to(device)) for ids, reply in batches_of_replies(some)]
    now = [alignment.sequence_log_probs(polite(ids), ids, reply) for ids, reply in both]
    with torch.no_grad():
        then = [alignment.sequence_log_probs(assistant(ids), ids, reply) for ids, reply in both]
    loss = my_dpo_loss(*now, *then, beta=0.1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    manners.append((loss.item(), *((a.detach() - b).mean().item() for a, b in zip(now, then))))

# %%
courtesy = {}
for name, model in {"imitation": assistant, "preference": polite}.items():
    courtesy[name] = answers(model, asked_otherwise[: budget(24, 3)], draws=2)
    print("{:11} right {:.0%}   polite {:.0%}".format(name, *courtesy[name]))
show(
    figures.gains(manners),
    alt="Log-probabilities relative to the reference: the rejected replies lose "
    f"{-manners[-1][2]:.0f} nats, the chosen ones change by {manners[-1][1]:.1f}.",
)

# %% [markdown]
r"""
Drawn replies were polite in {{62 % = courtesy["imitation"][1] ± 15 %}} of cases, and are in {{94 % = courtesy["preference"][1] ± 8 %}} after {{30 = len(manners)}} updates. The share of right ones went from {{69 % = courtesy["imitation"][0] ± 14 %}} to {{56 % = courtesy["preference"][0] ± 20 %}}: nobody asked for that, and nobody protected it. (One run, {{48 = 2 * len(asked_otherwise[:24])}} draws each, so differences below some 20 points may be chance.)

Look at the picture again. The loss fell because the rejected replies lost {{13 = -manners[-1][2] ± 5}} nats. The chosen ones ended {{lower than they began : manners[-1][1] < 0}}. Only the difference is in the loss, so DPO can lower both, and the probability goes to replies that nobody compared. Razin et al. (2024) call it *likelihood displacement*. Watch both curves, not the loss.
"""

# %% [markdown]
r"""
## 10 · How many tries? · optional

One try, or the best of many? ***pass@k*** is the chance that at least one of k tries succeeds, averaged over tasks. To estimate it, make $n \ge k$ tries at each task; $c$ of them succeed. The obvious $1 - (1 - c/n)^k$ is too low on average. Chen et al. (2021) count instead: of all $\binom{n}{k}$ choices of k tries, how many hold no success?

$$\text{pass@}k = 1 - \binom{n - c}{k} \Big/ \binom{n}{k}$$

By hand: of 4 tries 1 succeeded, $k = 2$. Three of the six pairs hold it: ½. The obvious formula says $1 - 0.75^2 = {{0.4375 = 1 - 0.75**2}}$.

### Exercise · pass_at_k · optional
"""


# %% exercise="pass_at_k" points=2 optional=true withheld="course_lib.metrics.pass_at_k.pass_at_k"
def pass_at_k(n: int, correct: int, k: int) -> float:
    """Return the unbiased estimate of pass@k for one task.

    n        tries that were made
    correct  how many of them succeeded, 0 … n
    k        tries that somebody would make
    returns  the share of all choices of k of the n tries that hold a success, a float

    Raises ValueError when k is less than 1 or more than n.

    Example: pass_at_k(4, 1, 2) is 0.5.
    """
    ### BEGIN SOLUTION
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and n = {n}, got {k}")
    return 1 - math.comb(n - correct, k) / math.comb(n, k)
    ### END SOLUTION


# %% [markdown] hints="pass_at_k"
r"""
1. How many ways are there to choose k of the n − c tries that failed, and what if there are fewer than k of those?
2. `math.comb(a, b)` counts choices and is 0 where b > a.
3. `1 - math.comb(…) / math.comb(n, k)`
"""


# %% cases="pass_at_k" active="py"
def cases(seed):
    yield Case({"n": 4, "correct": 1, "k": 2}, note="the docstring's example")
    yield Case({"n": 5, "correct": 0, "k": 3}, note="no success")
    yield Case({"n": 5, "correct": 4, "k": 2}, note="fewer failures than tries")
    yield Case({"n": 3, "correct": 2, "k": 1}, note="one try")
    yield Case({"n": 3, "correct": 1, "k": 3}, note="all tries")
    for i in range(3):
        n, part, k = torch.randint(6, 30, (3,), generator=generator(seed + i)).tolist()
        yield Case({"n": n, "correct": part % (n - 4) + 1, "k": 2 + k % 4}, note="random")
    yield Case({"n": 1000, "correct": 3, "k": 200}, note="large numbers")
    yield Case({"n": 4, "correct": 2, "k": 5}, note="more tries than were made")
    yield Case({"n": 4, "correct": 2, "k": 0}, note="no tries")


# %% mistake="pass_at_k" name="plugged_in" hint="1 − (1 − c/n)ᵏ draws with replacement from your own n tries: too low on average. Count choices without replacement." active="py"
def pass_at_k(n, correct, k, right=pass_at_k):
    right(n, correct, k)
    return 1 - (1 - correct / n) ** k


# %% mistake="pass_at_k" name="pass_at_1" hint="That is the share of tries that succeeded, pass@1, whatever k is." active="py"
def pass_at_k(n, correct, k, right=pass_at_k):
    right(n, correct, k)
    return correct / n


# %% mistake="pass_at_k" name="all_succeed" hint="You count the choices in which every try succeeds; one success is enough." active="py"
def pass_at_k(n, correct, k, right=pass_at_k):
    right(n, correct, k)
    return math.comb(correct, k) / math.comb(n, k)


# %% mistake="pass_at_k" name="no_error" hint="More tries than were made cannot be judged: a k outside 1 … n is a ValueError." active="py"
def pass_at_k(n, correct, k):
    return 1 - math.comb(n - correct, k) / math.comb(n, k)


# %% [markdown]
r"""
Tasks: the first four words of held-out sentences, to be continued to a grammatical end. The base and the policy without a leash make 32 tries each. The bars are 95 % intervals over tasks: ±1.96 standard deviations of the tasks' estimates, divided by the root of their number.
"""

# %%
my_pass_at_k = yours("alignment.pass_at_k", tested_pass_at_k)
later = language.sample(400, seeded(11))
tasks = list(dict.fromkeys(tuple(ids[:4]) for ids in later if len(ids) > 9))[: budget(30, 3)]
tries, ks, passed = budget(32, 4), (1, 2, 4, 8, 16, 32)[: budget(6, 3)], {}
for name, model in {"base": base, "GRPO, no leash": trained[0.0]}.items():
    successes = []
    for number, task in enumerate(tasks):
        luck = seeded(number)
        ids, reply = alignment.sample_replies(model, [EOS, *task], tries, 32, EOS, luck)
        reply[:, 1 : 1 + len(task)] = True  # the judge wants the whole sentence
        successes.append(int(is_grammatical(ids, reply).sum()))
    by_k = [torch.tensor([my_pass_at_k(tries, c, k) for c in successes]) for k in ks]
    passed[name] = [(x.mean().item(), 1.96 * x.std().item() / len(tasks) ** 0.5) for x in by_k]
    shown = (f"@{k} {mean:.2f} ± {half:.2f}" for k, (mean, half) in zip(ks, passed[name]))
    print(f"{name:15}", *shown)
ends = {name: (by_k[0][0], by_k[-1][0]) for name, by_k in passed.items()}
said = "; ".join(f"{name} from {first:.2f} to {last:.2f}" for name, (first, last) in ends.items())
show(figures.pass_curves(ks, passed), alt=f"pass@k rises with the number of tries: {said}.")

# %% [markdown]
r"""
Training helps where one try counts: {{0.61 = passed["base"][0][0] ± 0.08}} against {{0.71 = passed["GRPO, no leash"][0][0] ± 0.08}}, with intervals that overlap. That is far less than the {{98 % = runs[0.0]["grammatical"] ± 3 %}} above: given the beginning, the policy cannot retreat to the sentences that it likes best. With {{8 = ks[-3]}} tries both solve {{nearly everything : min(by_k[-3][0] for by_k in passed.values()) > 0.97}}, so more tries make up for training. Yue et al. (2025) found in large models that the *base* overtakes the trained policy at large k. These tasks are too easy to show it: both end at {{1.00 = passed["base"][-1][0] ± 0.02}}.
"""

# %% [markdown]
r"""
## 11 · Talk to it

Its tokens, network, sampler and losses are yours where they passed. Ask where the Taj Mahal is. Then ask something that nobody taught it, and notice how sure it sounds.
"""

# %%
draw_token = earlier("sampling.sample", decoding.draw_token)


@torch.no_grad()
def reply_to(text):
    ids = torch.tensor([[USER, *encode(text.lower().strip())[:30], MOUSE]])
    start = ids.size(1)
    while ids.size(1) < 64 and (ids.size(1) == start or ids[0, -1] != END):
        logits = polite(ids)[:, -1] / 0.3  # a low temperature: T = 0.3
        ids = torch.cat([ids, draw_token(logits, generator=chance)[:, None]], dim=1)
    return tokenizer.decode([i for i in ids[0, start:].tolist() if i != END])


polite.cpu()  # one short text at a time, drawn where the generator is
chance = seeded(0)
begin = ["hello", "what do mice eat?", "where is the eiffel tower?", "why do birds sing?"]
chat(reply_to, begin, placeholder="what does the baker bake?")

# %% [markdown] exercise="less_variety" points=3
r"""
### In your own words · less_variety

Interview question. A team fine-tunes a model by reinforcement on verifiable rewards. pass@1 rises, the texts become more alike. Is this the price of correctness? What would you measure, and what would you change first?

### BEGIN SOLUTION
Not of correctness as such: the best policy for a leashed 0-or-1 reward is the reference on the condition of being right, which keeps the proportions among right replies. The loss of variety comes from the optimisation: without a KL term any distribution on right replies is optimal, finite groups reinforce what happened to be sampled, and every step feeds on the last one's samples. Measure the KL divergence from the reference, the number of different replies (or entropy), held-out loss, pass@k at large k, all beside the reward, with more than one seed. Change first: a KL term or a larger β, smaller steps, larger groups, earlier stopping; or draw and select instead of training.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: says that the leashed objective keeps the proportions of equally good replies, or that selection by the judge keeps variety
- 1 point: names at least two meters besides the reward (KL, distinct replies or entropy, held-out loss, pass@k for large k)
- 1 point: a remedy that fits the cause (β, step size, group size, early stopping, selection)
### END RUBRIC
"""

# %% [markdown] exercise="why_z_cancels" points=2
r"""
### In your own words · why_z_cancels

A colleague wants to train DPO on pairs of replies to *different* prompts. What goes wrong, and at which of the five steps?

### BEGIN SOLUTION
Step 5. The implicit reward is β ln(π/π_ref) + β ln Z(x), with a Z for each prompt. For two replies to one prompt the same Z is subtracted from itself. For two prompts ln Z(x₁) − ln Z(x₂) remains, a sum over all texts that nobody can compute; leaving it out adds an unknown constant to every margin, so the loss is no longer the likelihood of the comparisons.
### END SOLUTION
### BEGIN RUBRIC
- 1 point: Z depends on the prompt and cancels only within one
- 1 point: step 5, the comparison; what remains is an unknown constant in the margin
### END RUBRIC
"""

# %% [markdown]
r"""
## Where this came from, and further

- **Bradley and Terry (1952)**; **Williams (1992)**, REINFORCE; **Christiano et al. (2017)**, *Deep Reinforcement Learning from Human Preferences*; **Schulman et al. (2017)**, PPO.
- **Ziegler et al. (2019)**, the KL penalty for language models; **Ouyang et al. (2022)**, InstructGPT: imitation, reward model, PPO.
- **Rafailov et al. (2023)**, DPO. **Gao, Schulman and Hilton (2023)**, overoptimisation. **Singhal et al. (2023)**, length.
- **Shao et al. (2024)**, *DeepSeekMath*, GRPO; **Liu et al. (2025)**, Dr. GRPO; **Chen et al. (2021)**, pass@k.

As of November 2026: open recipes for large models imitate first, often replies that other models wrote, then optimise preferences, then reinforce verifiable rewards (Tülu 3, Lambert et al. 2024, published one whole). Some leave the KL penalty out, as Dr. GRPO's authors do. Whether such training adds abilities or sharpens what the base can do is disputed (Yue et al. 2025).

Limits: a toy language, one prompt, one run for each setting, an easy preference. *Who* chooses what is preferred is no question of loss functions.
"""

# %%
flash_cards("20_alignment")
