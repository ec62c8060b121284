// An errand comes in as JSON on the command line, after the directory with node_modules:
// {url | command, mode, calls: [{name, arguments}]}. What came of it goes out as one line of JSON:
// {revision, tools, schemas: {tool: outputSchema}, results, progress, asked: [method]}, where each of
// the results is {text, structured, is_error, reason} or {error}.
// Whatever a server asks is answered, always in the same way.
const { createRequire } = require("node:module");

const capabilities = { sampling: {}, roots: {}, elicitation: { form: {}, url: {} } };
const ANSWERS = {
  "sampling/createMessage": {
    role: "assistant",
    content: { type: "text", text: "sampled" },
    model: "errand",
  },
  "elicitation/create": { action: "accept", content: { color: "green" } },
  "roots/list": { roots: [{ uri: "file:///errand", name: "errand" }] },
};

exports.run = async (connected, called) => {
  const need = createRequire(process.argv[2] + "/");
  const said = JSON.parse(process.argv[3]);
  const asked = [];
  const answering = (set) => {
    for (const [method, answer] of Object.entries(ANSWERS)) {
      set(method, () => {
        asked.push(method);
        return answer;
      });
    }
  };
  const { client, transport, revision } = connected({ need, said, capabilities, answering });
  await client.connect(transport);
  const listed = (await client.listTools()).tools;
  const tools = listed.map((tool) => tool.name);
  const schemas = Object.fromEntries(listed.map((tool) => [tool.name, tool.outputSchema ?? null]));
  const results = [];
  const progress = [];
  for (const call of said.calls) {
    try {
      const result = await called(client, call, (told) => progress.push(told.progress));
      results.push({
        text: result.content.map((part) => part.text ?? "").join(""),
        structured: result.structuredContent ?? null,
        is_error: result.isError === true,
        reason: result._meta?.["dev.safeconduct/refusal"]?.reason ?? null,
      });
    } catch (error) {
      results.push({ error: error.code ?? String(error) });
    }
  }
  const agreed = revision() ?? null;
  await client.close();
  console.log(JSON.stringify({ revision: agreed, tools, schemas, results, progress, asked }));
};
