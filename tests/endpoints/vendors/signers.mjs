// Signs and verifies with the vendors' own libraries: one JSON request a line in, one JSON answer a line out.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { sign, verify, verifyWithFallback } from "@octokit/webhooks-methods";
import "@shopify/shopify-api/adapters/node";
import { shopifyApi, ApiVersion } from "@shopify/shopify-api";

const shop = (secret) =>
  shopifyApi({
    apiKey: "k", apiSecretKey: secret, apiVersion: ApiVersion.January25, isEmbeddedApp: false,
    hostName: "shop.example", scopes: [], logger: { level: 0 },
  });

const answers = {
  "github.sign": ({ secret, body }) => sign(secret, body),
  "github.verify": ({ secret, body, signature }) => verify(secret, body, signature),
  "github.verifyWithFallback": ({ secret, old, body, signature }) => verifyWithFallback(secret, body, signature, [old]),
  // Shopify publishes the verifier only; the signature is made as its documentation says, and the verifier judges it.
  "shopify.sign": ({ secret, body }) => createHmac("sha256", secret).update(body, "utf8").digest("base64"),
  "shopify.verify": async ({ secret, body, headers }) => {
    const rawRequest = { method: "POST", url: "/", headers: { host: "shop.example", ...headers } };
    const found = await shop(secret).webhooks.validate({ rawBody: body, rawRequest, rawResponse: {} });
    return found.valid;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...given } = JSON.parse(line);
  console.log(JSON.stringify(await answers[ask](given)));
}
