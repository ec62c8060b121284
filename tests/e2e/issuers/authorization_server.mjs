// The authorization server of an upstream: oidc-provider with the gateway as its one client, which
// authenticates with its own key. It takes the gateway's word about users where a grant says so.
// Arguments: where npm installed it, and {issuer, port, jwks, client, gateway, keys, resource,
// redirect, user}; `keys` is where the gateway publishes its own.
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const [npm, given] = process.argv.slice(2);
const said = JSON.parse(given);
const load = (path) => import(pathToFileURL(`${npm}/node_modules/${path}`));
const { default: Provider, errors } = await load("oidc-provider/lib/index.js");
const { createRemoteJWKSet, jwtVerify } = await load("jose/dist/webapi/index.js");

const URN = "urn:ietf:params:oauth:grant-type:";
const keys = createRemoteJWKSet(new URL(said.keys), { cooldownDuration: 0 });
const acting = new WeakMap();
const server = {
  scope: "read write",
  audience: said.resource,
  accessTokenTTL: 120,
  accessTokenFormat: "jwt",
  jwt: { sign: { alg: "RS256" } },
};

const provider = new Provider(said.issuer, {
  clients: [
    {
      client_id: said.client,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks_uri: said.keys,
      redirect_uris: [said.redirect],
      response_types: ["code"],
      grant_types: [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        `${URN}token-exchange`,
        `${URN}jwt-bearer`,
      ],
    },
  ],
  jwks: said.jwks,
  cookies: { keys: ["for tests alone"] },
  scopes: ["openid", "offline_access", "read", "write"],
  // Without what keeps it from asking this machine, where the gateway is.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      getResourceServerInfo: (_, resource) => {
        if (resource !== said.resource) throw new errors.InvalidTarget();
        return server;
      },
      useGrantedResource: () => true,
    },
  },
  rotateRefreshToken: true,
  extraTokenClaims: (_, token) => (acting.has(token) ? { act: acting.get(token) } : undefined),
  issueRefreshToken: (_, client, code) => code.scopes.has("offline_access"),
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});

// RFC 8693 and RFC 7523: the assertion must be the gateway's, of its type, for us, and new.
const seen = new Set();
async function vouched(ctx, assertion) {
  const types = { "authorization-grant+jwt": true, "oauth-id-jag+jwt": true };
  const { payload, protectedHeader } = await jwtVerify(assertion, keys, {
    issuer: said.gateway,
    audience: said.issuer,
    algorithms: ["ES256"],
    requiredClaims: ["exp", "iat", "jti", "sub"],
    maxTokenAge: 60,
  });
  const jag = protectedHeader.typ === "oauth-id-jag+jwt";
  if (!types[protectedHeader.typ] || seen.has(payload.jti)) throw new Error("not acceptable");
  if (jag && (payload.client_id !== ctx.oidc.client.clientId || payload.resource !== said.resource))
    throw new Error("for another client or resource");
  seen.add(payload.jti);
  return payload;
}

function granting(name, member) {
  const handler = async (ctx) => {
    const { params, client } = ctx.oidc;
    let payload;
    try {
      payload = await vouched(ctx, params[member]);
    } catch (error) {
      throw new errors.InvalidGrant(String(error));
    }
    const token = new provider.AccessToken({
      accountId: payload.sub,
      client,
      gty: name,
      scope: params.scope,
    });
    acting.set(token, payload.act);
    if (params.resource !== said.resource) throw new errors.InvalidTarget();
    token.resourceServer = new provider.ResourceServer(said.resource, server);
    ctx.body = {
      access_token: await token.save(),
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      token_type: token.tokenType,
      expires_in: token.expiration,
      scope: token.scope,
    };
  };
  const taken = [member, "scope", "resource", "subject_token_type", "requested_token_type"];
  provider.registerGrantType(`${URN}${name}`, handler, taken, ["resource"]);
}
granting("token-exchange", "subject_token");
granting("jwt-bearer", "assertion");

// The one user of this server agrees to whatever is asked.
async function interaction(request, response) {
  const { prompt, params, grantId } = await provider.interactionDetails(request, response);
  let result = { login: { accountId: said.user } };
  if (prompt.name === "consent") {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: said.user, clientId: params.client_id });
    grant.addOIDCScope("openid offline_access read write");
    grant.addResourceScope(said.resource, server.scope);
    result = { consent: { grantId: await grant.save() } };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
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
