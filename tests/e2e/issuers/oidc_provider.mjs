// An issuer of users' tokens: oidc-provider with one client. A login page asks for a password, and
// for a code besides where the request wants a sign-in of the class `mfa`. Each user has a device,
// too, `/device/USER`, which shows requests that came without a browser (CIBA) and takes an answer.
// Arguments: where npm installed it, and {issuer, port, jwks, client, secret, redirect, users}.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [npm, given] = process.argv.slice(2);
const said = JSON.parse(given);
const where = pathToFileURL(`${npm}/node_modules/oidc-provider/lib/index.js`);
const { default: Provider, errors } = await import(where);

// What devices ask their owners, until there is an answer.
const waiting = new Set();

// Everybody agrees to what this client asks for.
async function agreed(clientId, accountId) {
  const grant = new provider.Grant({ clientId, accountId });
  grant.addOIDCScope("openid");
  grant.addOIDCClaims(["acr", "amr", "auth_time", "groups", "email", "email_verified"]);
  await grant.save();
  return grant;
}

const provider = new Provider(said.issuer, {
  clients: [
    {
      client_id: said.client,
      client_secret: said.secret,
      redirect_uris: [said.redirect].flat(),
      require_auth_time: true,
      grant_types: ["authorization_code", "urn:openid:params:grant-type:ciba"],
      backchannel_token_delivery_mode: "poll",
    },
  ],
  jwks: said.jwks,
  cookies: { keys: ["for tests alone"] },
  acrValues: ["pwd", "mfa"],
  claims: { openid: ["sub", "groups", "email", "email_verified"], acr: null, amr: null },
  conformIdTokenClaims: false,
  features: {
    devInteractions: { enabled: false },
    claimsParameter: { enabled: true },
    ciba: {
      enabled: true,
      deliveryModes: ["poll"],
      processLoginHint: (_, hint) => (Object.hasOwn(said.users, hint) ? hint : undefined),
      validateRequestContext: () => {},
      verifyUserCode: () => {},
      triggerAuthenticationDevice: (_, request) => waiting.add(request),
    },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    IdToken: 300,
    AccessToken: 300,
    BackchannelAuthenticationRequest: 300,
    Session: 600,
    Interaction: 600,
    Grant: 600,
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...said.users[id].claims }),
  }),
  loadExistingGrant: ({ oidc }) => agreed(oidc.client.clientId, oidc.session.accountId),
});

async function formOf(request) {
  let body = "";
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

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
  const form = await formOf(request);
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

async function device(request, response) {
  const owner = request.url.slice("/device/".length);
  const theirs = () => [...waiting].filter(({ accountId }) => accountId === owner);
  if (request.method === "POST") {
    const form = await formOf(request);
    const asked = theirs().find(({ params }) => params.binding_message === form.get("message"));
    const yes = form.get("says") === "yes";
    await provider.backchannelResult(
      asked,
      yes ? await agreed(asked.clientId, owner) : new errors.AccessDenied(),
      // RFC 8176: a key that the device holds, and more than one channel.
      yes ? { acr: "mfa", amr: ["swk", "mca"], authTime: Number(form.get("signed_in_s")) } : {},
    );
    waiting.delete(asked);
  }
  response.setHeader("content-type", "application/json");
  const messages = theirs().map(({ params }) => params.binding_message);
  response.end(JSON.stringify({ messages }));
}

const answer = provider.callback();
const pages = { interaction, device };
createServer((request, response) => {
  const page = pages[request.url.split("/")[1]];
  if (page) {
    page(request, response).catch((error) => {
      response.statusCode = 500;
      response.end(String(error));
    });
  } else {
    answer(request, response);
  }
}).listen(said.port, "127.0.0.1", () => console.log("ready"));
