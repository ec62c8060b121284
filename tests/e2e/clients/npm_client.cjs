// Plays one errand with the client of @modelcontextprotocol/client: see errand.cjs.
const errand = require("./errand.cjs");

errand.run(({ need, said, capabilities, answering }) => {
  const { Client, StreamableHTTPClientTransport } = need("@modelcontextprotocol/client");
  const { StdioClientTransport } = need("@modelcontextprotocol/client/stdio");
  const mode = said.mode === "modern" ? { pin: "2026-07-28" } : said.mode;
  const client = new Client(
    { name: "errand", version: "1" },
    { capabilities, versionNegotiation: { mode } },
  );
  answering((method, answer) => client.setRequestHandler(method, answer));
  const transport = said.url
    ? new StreamableHTTPClientTransport(new URL(said.url))
    : new StdioClientTransport({ command: said.command[0], args: said.command.slice(1) });
  return { client, transport, revision: () => client.getNegotiatedProtocolVersion() };
}, (client, call, onprogress) => client.callTool(call, { onprogress }));
