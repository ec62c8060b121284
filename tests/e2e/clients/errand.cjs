// An errand comes in as JSON on the command line, after the directory with node_modules:
// {url | command, mode, calls: [{name, arguments}]}. What came of it goes out as one line of JSON:
// {revision, tools, results: [{text, is_error, reason} | {error}], progress}.
const { createRequire } = require("node:module");

exports.run = async (connected, called) => {
  const need = createRequire(process.argv[2] + "/");
  const said = JSON.parse(process.argv[3]);
  const { client, transport, revision } = connected(need, said);
  await client.connect(transport);
  const tools = (await client.listTools()).tools.map((tool) => tool.name);
  const results = [];
  const progress = [];
  for (const call of said.calls) {
    try {
      const result = await called(client, call, (told) => progress.push(told.progress));
      results.push({
        text: result.content.map((part) => part.text ?? "").join(""),
        is_error: result.isError === true,
        reason: result._meta?.["dev.safeconduct/refusal"]?.reason ?? null,
      });
    } catch (error) {
      results.push({ error: error.code ?? String(error) });
    }
  }
  const agreed = revision() ?? null;
  await client.close();
  console.log(JSON.stringify({ revision: agreed, tools, results, progress }));
};
