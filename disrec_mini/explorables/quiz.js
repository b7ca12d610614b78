// data: {questions: [{question, answers: [[text, right, reply], ...]}]}, which stand in
// the page already: here they are counted and read aloud
var heard = tools.make("span", {class: "unseen"}), shown = tools.make("span");
var right = {}, atOnce = 0;
root.querySelectorAll("fieldset").forEach(function (set, n) {
  var name = tools.id();
  set.querySelectorAll("input").forEach(function (input, i) {
    var answer = data.questions[n].answers[i];
    input.name = name;  // twice on a page, these are two quizzes
    input.addEventListener("change", function () {
      if (!(n in right) && answer[1]) atOnce += 1;
      right[n] = answer[1];
      var count = Object.values(right).filter(Boolean).length;
      heard.textContent = (answer[1] ? "Right. " : "Not quite. ") + answer[2] + " ";
      shown.textContent = count + " of " + data.questions.length + " right, " + atOnce +
        " at the first try.";
    });
  });
});
root.append(tools.make("p", {class: "score", role: "status"}, heard, shown));
