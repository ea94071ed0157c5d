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

# %%
import copy
import random
import time

from course_lib import alignment, decoding, scoreboard
from course_lib.budget import budget
from course_lib.data import conversations
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

torch.set_num_threads(1)  # matrices this small are faster on one core
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
drawn = language.sample(n_sentences, torch.Generator().manual_seed(3))
sentences = [language.decode(ids[:-1]).lower() + "." for ids in drawn]
talk = [f"{question} {fact.reply(True)} {fact.reply(False)}" for question, fact in asked]
counts = count_words(" ".join(sentences[:3000] + talk), gpt2_words).items()
merges = train_bpe([(list(word.encode().decode("latin-1")), n) for word, n in counts], budget(250, 60))
tokenizer = Tokenizer(merges, ["<user>", "<mouse>", "<end>"])
USER, MOUSE, END = (tokenizer.special[name] for name in ("<user>", "<mouse>", "<end>"))
known = {}  # the tokens of a word are always the same


def encode(text):
    for word in (words := gpt2_words(text)):
        known.setdefault(word, tokenizer.encode(word))
    return [i for word in words for i in known[word]]


stream = torch.tensor([i for sentence in sentences for i in (*encode(sentence), END)])
print(f"{len(tokenizer.vocab)} tokens; the text has {len(stream):,}:", tokenizer.decode(stream[:24].tolist()))

# %%
torch.manual_seed(0)
config = GPTConfig(vocab_size=len(tokenizer.vocab), seq_len=64, d_model=64, n_heads=4, n_layers=2)
predictor = Network(config)
list(Trainer(predictor, draw_windows(stream, 16, 64), next_token_loss, steps=budget(250, 4), lr=4e-3))


def say(model, question, temperature=0.0, seed=0, max_new_tokens=24):
    """What the model puts behind a question, until it ends its turn."""
    prompt = [USER, *encode(question), MOUSE]
    text = decoding.generate(
        model, torch.tensor([prompt]), max_new_tokens, decoding.Sampling(temperature), eos_id=END,
        generator=torch.Generator().manual_seed(seed),
    )[0, len(prompt) :]  # fmt: skip
    return tokenizer.decode([i for i in text.tolist() if i != END])


for question in ("what does the mouse eat?", "where is the eiffel tower?"):
    print(f"{question:30} →", repr(say(predictor, question)))

# %% [markdown]
r"""
It knows sentences in which mice eat cheese. It has never seen a turn of a conversation.

***Supervised fine-tuning*** shows it some: prompt, reply, end. It is the loss of pretraining with one change: only the reply is graded. The prompt is read and never predicted, since a model that is to answer need not learn how people ask.

$$L = -\frac{1}{N} \sum_{b,t\,:\;\text{token } t \text{ of row } b \text{ belongs to the reply}} \ln \pi(y_{b,t} \mid y_{b,<t})$$

From here on the model is called the ***policy*** and written $\pi$; $N$ is the number of tokens that count in the whole batch, so a long reply weighs more than a short one. Logits at position $t - 1$ predict token $t$: shift the mask along with the targets.

By hand: probability ¾ for the only token of a reply gives $\ln \tfrac43 = {{0.2877 = math.log(4 / 3)}}$.

### Exercise · sft_loss

Rows are filled up at the right with a padding id. Whatever is outside the reply must change neither the loss nor its gradient, be it −∞ or nan. A softmax of such a row is nan, and nan · 0 is nan: leave the row out, do not multiply it by 0.
"""


# %% exercise="sft_loss" parts={"values": 2, "outside": 1} points=3 withheld="course_lib.alignment.supervised.sft_loss course_lib.alignment.supervised.sequence_log_probs course_lib.alignment.supervised.token_log_probs course_lib.language_model.next_token_loss"
def sft_loss(logits: Tensor, ids: Tensor, reply: Tensor) -> Tensor:
    """Return the mean cross-entropy of the reply's tokens, in nats a token.

    logits   (B, T, V) of a model that read ids; those at position t predict token t + 1
    ids      (B, T) int64: prompt, reply, padding
    reply    (B, T) boolean, True = a token of the reply; position 0, which nothing predicts, never counts
    returns  a scalar, the mean over all counted tokens of the batch; 0 where there is none. Gradients flow to logits.
             Logits that predict no token of the reply may be anything, ids outside the reply any number: neither
             changes the loss or its gradient

    Example: logits [[[0, 0], [0, ln 3], [0, 0]]], ids [[0, 1, 1]], reply [[False, False, True]] give ln 4/3 ≈ 0.2877.
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


assistant = copy.deepcopy(predictor)
list(Trainer(assistant, draw_turns, lambda m, b: my_sft_loss(m(b[0]), *b), steps=budget(200, 4), lr=2e-3))
for question in ("what does the mouse eat?", "where is the eiffel tower?", "hello", never_asked[0][0]):
    print(f"{question:34} →", say(assistant, question))


# %%
def answers(model, questions, draws=0):
    """Shares of replies that are right and that are polite: greedy, or drawn so many times."""
    replies = [(say(model, q, float(draws > 0), seed), fact) for q, fact in questions for seed in range(draws or 1)]
    right = sum(text.endswith(f"{fact.word}.") for text, fact in replies)
    return right / len(replies), sum(text.startswith(conversations.POLITE) for text, _ in replies) / len(replies)


several = budget(48, 4)
right = {"asked otherwise": answers(assistant, asked_otherwise[:several])[0]}
right["never asked"] = answers(assistant, never_asked[:several])[0]
for kind, share in right.items():
    print(f"{kind:16} {share:.0%} right")

# %% [markdown]
r"""
It answers, and mostly rightly where it saw the fact asked for in other words ({{77 % = right["asked otherwise"] ± 15 %}}). Of the facts that nobody asked for in training, it gets {{0 % = right["never asked"] ± 10 %}} right, in perfect form: a confident sentence about something else. The sentences were in its text; fine-tuning taught *how* to reply and which replies go with the questions that were shown. Nothing taught it to say that it does not know, except for five questions about the moon and the like. A fluent reply without ground is called a ***hallucination***. (One run of a tiny model; larger ones carry far more over from what they read.)
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
    returns   a scalar, finite for differences of a thousand in either direction; gradients flow to both

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
best_answer = words_weight * 7 + right_weight
print(f"a word {words_weight:.2f}, being right {right_weight:.2f}")
print(f"“with pleasure: the mouse eats cheese.” {best_answer:.1f}   twenty words of nonsense {endless:.1f}")

# %% [markdown]
r"""
Every comparison is won, and the loss is nearly 0. Yet twenty words of nonsense score {{higher : endless > best_answer}} than the right answer in seven. The data could not tell length from quality, and a reward model learns what separates the pairs that it was shown. That learned rewards favour length has been measured in large models as well (Singhal et al. 2023). Section 8 shows what happens when such a score is climbed.
"""

# %% [markdown]
r"""
## 3 · Sample, and reward

A score is no target: nobody says *which* reply would have scored higher. So let the policy write, score what it wrote, and make it likelier if it was good. That this climbs the expected reward is the ***policy gradient*** theorem. For one sampled reply $y$ with reward $r(y)$:

$$\nabla\, \mathbb{E}_{y\sim\pi}[r(y)] = \sum_y r(y)\, \nabla \pi(y) = \sum_y \pi(y)\, r(y)\, \nabla \ln \pi(y) = \mathbb{E}_{y\sim\pi}[\,r(y)\, \nabla \ln \pi(y)\,]$$

The middle step is $\nabla \pi = \pi\, \nabla \ln \pi$. The reward need not be differentiable; it may be a person, a compiler, a grammar. Williams (1992) named the estimate ***REINFORCE***.

Subtract a ***baseline*** $b$ that does not depend on the reply. The mean stays, since $\mathbb{E}[\nabla \ln \pi] = \nabla \sum_y \pi(y) = 0$; the variance may fall a lot. What is left, $r - b$, is called the ***advantage***.

As a loss: $-\text{mean}\,((r - b) \ln \pi)$. Its value means nothing, only its gradient does.

### Exercise · reinforce_loss

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
luck, spread, bias = torch.Generator().manual_seed(0), {}, {}
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
    print(f"baseline {name:14} spread {spread[name]:.3f}   mean misses the truth by {bias[name]:.3f}")

# %% [markdown]
r"""
Both are right on average. Without a baseline the estimates scatter {{15 = spread["none"] / spread["leave one out"] ± 8}} times as much: every reply is pushed up by 10, and only the small differences of these pushes say anything. ***Leave one out***, the mean of the *other* replies, is a baseline that does not know the reward it is compared with (RLOO, Ahmadian et al. 2024).
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
    normalise  True: divide by the group's standard deviation (of K − 1) plus eps; False: do not divide
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
