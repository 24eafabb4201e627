// What is asked of the server; whatever goes wrong is an Error with one line that says so.
const answered = async (path, options) => {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("the server does not answer: is `rmset review` still running?");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  throw new Error(told.error ?? `the server answers ${answer.status}`);
};

export const get = async (path) => (await answered(path)).json();

export const text = async (path) => (await answered(path)).text();

export const correct = async (asked) => {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) };
  return (await answered("/api/corrections", options)).json();
};
