// Plays one errand with the client of @modelcontextprotocol/sdk: see errand.cjs.
const errand = require("./errand.cjs");

errand.run(({ need, said, capabilities, answering }) => {
  const { Client } = need("@modelcontextprotocol/sdk/client/index.js");
  const http = need("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const stdio = need("@modelcontextprotocol/sdk/client/stdio.js");
  const types = need("@modelcontextprotocol/sdk/types.js");
  const client = new Client({ name: "errand", version: "1" }, { capabilities });
  const schemas = {
    "sampling/createMessage": types.CreateMessageRequestSchema,
    "elicitation/create": types.ElicitRequestSchema,
    "roots/list": types.ListRootsRequestSchema,
  };
  answering((method, answer) => client.setRequestHandler(schemas[method], answer));
  const transport = said.url
    ? new http.StreamableHTTPClientTransport(new URL(said.url))
    : new stdio.StdioClientTransport({ command: said.command[0], args: said.command.slice(1) });
  // What was agreed on is told to the transport alone.
  const agreed = {};
  const tell = transport.setProtocolVersion?.bind(transport);
  transport.setProtocolVersion = (revision) => {
    agreed.revision = revision;
    tell?.(revision);
  };
  return { client, transport, revision: () => agreed.revision };
}, (client, call, onprogress) => client.callTool(call, undefined, { onprogress }));
