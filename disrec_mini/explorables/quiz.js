// data: {questions: [{question, answers: [[text, right, reply], ...]}]}
data.questions.forEach(function (q, n) {
  var name = tools.id();
  var reply = tools.make("p", {class: "reply", role: "status"});
  var box = tools.make("fieldset", {},
    tools.make("legend", {}, (n + 1) + ". " + q.question));
  q.answers.forEach(function (answer) {
    var input = tools.make("input", {
      type: "radio", name: name, id: tools.id(),
      onchange: function () {
        reply.textContent = (answer[1] ? "Right. " : "Not quite. ") + answer[2];
      },
    });
    box.append(tools.make("div", {class: "answer"}, input,
      tools.make("label", {for: input.id}, answer[0])));
  });
  box.append(reply);
  root.append(box);
});
