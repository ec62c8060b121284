// An issuer of users' tokens: oidc-provider with one client and one user. A login page asks for a
// password, and for a code besides where the request wants a sign-in of the class `mfa`.
// Arguments: where npm installed it, and {issuer, port, jwks, client, secret, redirect, users}.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [npm, given] = process.argv.slice(2);
const said = JSON.parse(given);
const where = pathToFileURL(`${npm}/node_modules/oidc-provider/lib/index.js`);
const { default: Provider } = await import(where);

const provider = new Provider(said.issuer, {
  clients: [
    {
      client_id: said.client,
      client_secret: said.secret,
      redirect_uris: [said.redirect],
      require_auth_time: true,
    },
  ],
  jwks: said.jwks,
  cookies: { keys: ["for tests alone"] },
  acrValues: ["pwd", "mfa"],
  claims: { openid: ["sub", "groups", "email", "email_verified"], acr: null, amr: null },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, claimsParameter: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: { IdToken: 300, AccessToken: 300, Session: 600, Interaction: 600, Grant: 600 },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...said.users[id].claims }),
  }),
  // Everybody agrees to what this client asks for.
  loadExistingGrant: async (ctx) => {
    const grant = new provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid");
    grant.addOIDCClaims(["acr", "amr", "auth_time", "groups", "email", "email_verified"]);
    await grant.save();
    return grant;
  },
});

async function interaction(request, response) {
  const { prompt } = await provider.interactionDetails(request, response);
  const strong = Boolean(prompt.details.acr);
  if (request.method === "GET") {
    response.setHeader("content-type", "text/html");
    response.end(
      `<form method="post"><input name="user"><input name="password" type="password">${
        strong ? '<input name="code">' : ""
      }<button>Sign in</button></form>`,
    );
    return;
  }
  let body = "";
  for await (const chunk of request) body += chunk;
  const form = new URLSearchParams(body);
  const user = said.users[form.get("user")];
  const known = user?.password === form.get("password") && (!strong || user.code === form.get("code"));
  const result = known
    ? {
        login: {
          accountId: form.get("user"),
          acr: strong ? "mfa" : "pwd",
          amr: strong ? ["pwd", "otp"] : ["pwd"],
          remember: true,
        },
      }
    : { error: "access_denied" };
  await provider.interactionFinished(request, response, result, {
    mergeWithLastSubmission: false,
  });
}

const answer = provider.callback();
createServer((request, response) => {
  if (request.url.startsWith("/interaction/")) {
    interaction(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  } else {
    answer(request, response);
  }
}).listen(said.port, "127.0.0.1", () => console.log("ready"));
