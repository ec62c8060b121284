// An OAuth client that others wrote (oauth4webapi) does what an agent does with a token service.
// An errand comes in as JSON on the command line, after the directory with node_modules:
// {issuer, resource, client_id, svids, starts: [{...parameters}], renewal: {...parameters}, call}.
// What came of it goes out as one line of JSON.
import { pathToFileURL } from "node:url";

const [, , modules, text] = process.argv;
const oauth = await import(pathToFileURL(`${modules}/node_modules/oauth4webapi/build/index.js`));
const said = JSON.parse(text);

const insecure = { [oauth.allowInsecureRequests]: true };
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const SVID = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
const told = { nonces: 0 };

const issuer = new URL(said.issuer);
const as = await oauth.processDiscoveryResponse(
  issuer,
  await oauth.discoveryRequest(issuer, { algorithm: "oauth2", ...insecure }),
);
const resource = new URL(said.resource);
const rs = await oauth.processResourceDiscoveryResponse(
  resource,
  await oauth.resourceDiscoveryRequest(resource, insecure),
);
told.methods = as.token_endpoint_auth_methods_supported;
told.servers = rs.authorization_servers;

const client = { client_id: said.client_id };
const keys = await oauth.generateKeyPair("ES256");
const DPoP = oauth.DPoP(client, keys);

// Client authentication by a JWT-SVID, each of which is used once.
const bySvid = (svid) => (_as, _client, body) => {
  body.set("client_assertion_type", SVID);
  body.set("client_assertion", svid);
};

// Does a thing, and once more with the nonce if that is what it lacked.
async function proven(attempt) {
  try {
    return await attempt();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    told.nonces += 1;
    return await attempt();
  }
}

async function token(parameters, svid, dpop = DPoP) {
  return proven(async () => {
    const answer = await oauth.genericTokenEndpointRequest(
      as, client, bySvid(svid), EXCHANGE, new URLSearchParams(parameters), { DPoP: dpop, ...insecure },
    );
    return oauth.processGenericTokenEndpointResponse(as, client, answer);
  });
}

async function called(access, dpop = DPoP) {
  const { url, headers, body } = said.call;
  const answer = await proven(() =>
    oauth.protectedResourceRequest(
      access, "POST", new URL(url), new Headers(headers), JSON.stringify(body), { DPoP: dpop, ...insecure },
    ),
  );
  return { status: answer.status, body: await answer.json() };
}

async function refused(attempt) {
  try {
    await attempt();
  } catch (error) {
    return error.error ?? error.cause?.[0]?.parameters?.error ?? error.code ?? String(error);
  }
  return null;
}

const [start, renew, introspect, revoke, again] = said.svids;
const started = await token(said.start, start);
told.started = { ...started, access_token: undefined };
told.call = await called(started.access_token);

// The library's own resource server judges the token, with the keys that the metadata names.
const request = new Request(said.call.url, { method: "POST", headers: {} });
const proof = {};
await oauth.protectedResourceRequest(
  started.access_token, "POST", new URL(said.call.url), new Headers(), "{}",
  {
    DPoP,
    ...insecure,
    [oauth.customFetch]: async (_url, options) => {
      Object.assign(proof, options.headers);
      return new Response("{}");
    },
  },
);
for (const [name, value] of Object.entries(proof)) request.headers.set(name, value);
told.claims = await oauth.validateJwtAccessToken(as, request, said.issuer, insecure);

// The same token with another key, and the same SVID again.
const other = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
told.stolen = await refused(() => called(started.access_token, other));
told.replayed = await refused(() => token(said.start, start));

const renewed = await token({ ...said.renewal, task: started.task }, renew);
told.renewed = { task: renewed.task, scope: renewed.scope };
told.call_again = (await called(renewed.access_token)).status;

const asked = await oauth.introspectionRequest(
  as, client, bySvid(introspect), renewed.access_token, insecure,
);
told.introspected = await oauth.processIntrospectionResponse(as, client, asked);

const ended = await oauth.revocationRequest(as, client, bySvid(revoke), renewed.access_token, insecure);
await oauth.processRevocationResponse(ended);
const after = await oauth.introspectionRequest(
  as, client, bySvid(again), renewed.access_token, insecure,
);
told.after = await oauth.processIntrospectionResponse(as, client, after);
told.call_after = (await called(renewed.access_token)).body;

console.log(JSON.stringify(told));
