"use strict";
// What is typed is kept in this browser at every keystroke, under the answer's own name, until the page that is made
// after a merge holds the same. `merged` is what stood in marks.csv when this page was made.
const answers = [...document.querySelectorAll("article[data-answer]")];
const key = answer => `sslcourse-mark ${answer.dataset.student} ${answer.dataset.question} ${answer.dataset.answer}`;
const merged = answer => ({ points: answer.dataset.points, comment: answer.dataset.comment });
const fields = answer => [answer.querySelector("input"), answer.querySelector("textarea")];
const typed = answer => { const [points, comment] = fields(answer); return { points: points.value.trim(), comment: comment.value }; };
const same = (one, other) => one.points === other.points && one.comment === other.comment;
const number = text => (/^(\d+([.,]\d*)?|[.,]\d+)$/.test(text) ? Number(text.replace(",", ".")) : NaN);
const fits = answer => { const points = number(typed(answer).points); return points >= 0 && points <= Number(answer.dataset.max); };
const isChanged = answer => !same(typed(answer), merged(answer));

function tell(id, text) {
  const place = document.getElementById(id);
  place.textContent = text;
  place.hidden = !text;
}

function kept(answer) {
  try { return JSON.parse(localStorage.getItem(key(answer))); } catch { return null; }
}

function keep(answer) {
  try {
    if (isChanged(answer)) localStorage.setItem(key(answer), JSON.stringify({ ...typed(answer), base: merged(answer) }));
    else localStorage.removeItem(key(answer));
  } catch {
    tell("trouble", "This browser does not keep what you type here (a private window, or its store is full). Save the CSV before you close the page.");
  }
}

function fill(answer, values) {
  const [points, comment] = fields(answer);
  points.value = values.points;
  comment.value = values.comment;
  look(answer);
}

function look(answer) {
  const [points] = fields(answer), isWrong = points.value.trim() !== "" && !fits(answer);
  points.setAttribute("aria-invalid", isWrong);
  answer.querySelector(".wrong").hidden = !isWrong;
  answer.classList.toggle("done", fits(answer));
}

function restore(answer) {
  const draft = kept(answer), own = answer.querySelector(".draft");
  own.hidden = true;
  if (!draft || same(draft, merged(answer))) return fill(answer, merged(answer));
  if (same(draft.base, merged(answer))) return fill(answer, draft);
  fill(answer, merged(answer));  // another file was merged since: the marker chooses
  own.hidden = false;
  own.querySelector("span").textContent = `You had typed ${draft.points || "no points"}${draft.comment ? `, “${draft.comment}”` : ""}; since then other marks were merged.`;
  own.querySelector("button").onclick = () => { own.hidden = true; fill(answer, draft); keep(answer); count(); };
}

function count() {
  const written = answers.filter(answer => !answer.classList.contains("blank"));
  const done = written.filter(fits).length, rows = answers.filter(answer => isChanged(answer) && fits(answer)).length;
  const waiting = answers.filter(answer => isChanged(answer) && !fits(answer)).length;
  document.getElementById("count").textContent = `${done} of ${written.length} marked`;
  document.getElementById("progress").style.width = `${written.length ? (100 * done) / written.length : 0}%`;
  document.getElementById("save").textContent = `Save ${rows} new mark${rows === 1 ? "" : "s"} (CSV)`;
  document.getElementById("save").disabled = rows === 0;
  tell("waiting", waiting ? `${waiting} entr${waiting === 1 ? "y" : "ies"} without valid points: not in the file` : "");
  for (const section of document.querySelectorAll("section.question")) {
    const own = [...section.querySelectorAll("article:not(.blank)")];
    document.querySelector(`nav a[href="#${section.id}"] span`).textContent = `${own.filter(fits).length} of ${own.length}`;
  }
}

function cell(text) {
  // A spreadsheet would calculate what begins like a formula; see grading/spreadsheets.py.
  const plain = text.replace(/(^|;)(?='*\s*[=+\-@\t\uff1d\uff0b\uff0d\uff20])/g, "$1'");
  return `"${plain.replaceAll('"', '""')}"`;
}

function table() {
  const rows = answers.filter(answer => isChanged(answer) && fits(answer)).map(answer => {
    const { student, question, answer: digest, points: before } = answer.dataset, { points, comment } = typed(answer);
    return [student, question, String(number(points)), comment, digest, before];
  });
  const lines = [["student", "question", "points", "comment", "answer", "before"], ...rows];
  return "\ufeff" + lines.map(line => line.map(cell).join(",") + "\r\n").join("");
}

function save() {
  const now = new Date(), two = value => String(value).padStart(2, "0");
  const time = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}-${two(now.getHours())}${two(now.getMinutes())}`;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv;charset=utf-8" }));
  link.download = `marking-${time}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  tell("saved", `${link.download} was saved where your browser keeps downloads. Next: sslcourse mark ${document.body.dataset.out} --merge ${link.download}`);
}

for (const answer of answers) {
  restore(answer);
  const [points, comment] = fields(answer);
  for (const field of [points, comment]) field.addEventListener("input", () => { look(answer); keep(answer); count(); });
  points.addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const next = answers.slice(answers.indexOf(answer) + 1).find(other => !other.hidden && !fits(other) && !other.classList.contains("blank"));
    if (next) { next.scrollIntoView({ block: "center" }); fields(next)[0].focus({ preventScroll: true }); }
  });
}
window.addEventListener("storage", event => {  // typed in another window
  for (const answer of answers.filter(one => key(one) === event.key)) restore(answer);
  count();
});
document.getElementById("save").onclick = save;
document.getElementById("only").onchange = event => {
  for (const answer of answers) answer.hidden = event.target.checked && fits(answer);
};
count();
