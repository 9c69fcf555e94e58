// A program as a careful author writes it with openid-client: it logs in by the device or the code flow and, where asked,
// goes through the whole life of the login. What it says are lines of JSON. The library's checks are all as it has them,
// and the one that it leaves off over TLS, the ID token's signature, is on.
import { createServer } from 'node:http'
import { once } from 'node:events'
import * as client from 'openid-client'

const job = JSON.parse(process.argv[2]) // issuer, client, flow, unknown: number of strange parameters, life, service
const say = (event, rest = {}) => process.stdout.write(JSON.stringify({ event, ...rest }) + '\n')
const scope = 'openid profile email offline_access'
const strange = Object.fromEntries(Array.from({ length: job.unknown ?? 0 }, (_, i) => [`x_strange_${i}`, `value ${i} & more`]))

// explain is the library's error with its causes, on one line.
function explain(error) {
  const parts = []
  for (let e = error; e instanceof Error && parts.length < 5; e = e.cause) {
    const challenge = Array.isArray(e.cause) && JSON.stringify(e.cause) // of WWW-Authenticate
    parts.push([e.name, e.code, e.error, e.message, e.error_description, challenge].filter(Boolean).join(' '))
  }
  return parts.join(' <- ')
}

async function codeFlow(config) {
  const door = createServer()
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  const redirect = `http://127.0.0.1:${door.address().port}/callback`
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const nonce = client.randomNonce()
  say('open', {
    url: client.buildAuthorizationUrl(config, {
      ...strange, redirect_uri: redirect, scope, state, nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
    }).href,
  })
  const [request, response] = await once(door, 'request')
  response.setHeader('Content-Type', 'text/html')
  response.setHeader('Connection', 'close')
  response.end('<!doctype html><html lang="en"><title>openid-client</title><p>Go back to the program.</p></html>')
  door.close()
  return client.authorizationCodeGrant(config, new URL(request.url, redirect), {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
  }, strange)
}

async function deviceFlow(config) {
  const verifier = client.randomPKCECodeVerifier()
  const begun = await client.initiateDeviceAuthorization(config, {
    ...strange, scope,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  })
  say('open', { url: begun.verification_uri_complete, user_code: begun.user_code })
  return client.pollDeviceAuthorizationGrant(config, begun, { ...strange, code_verifier: verifier })
}

// refused returns the library's word for why it was refused, and fails where it was not.
async function refused(promise) {
  try {
    await promise
  } catch (error) {
    return explain(error)
  }
  throw new Error('what had to be refused was not')
}

// life uses the login for everything that it is good for, and ends it.
async function life(config, first) {
  const subject = first.claims().sub
  const person = await client.fetchUserInfo(config, first.access_token, subject)
  const service = await Promise.all([client.ClientSecretPost, client.ClientSecretBasic].map((method) =>
    client.discovery(new URL(job.issuer), 'dev-service', undefined, method(job.service))))
  const standing = await Promise.all(service.map((s) => client.tokenIntrospection(s, first.access_token)))
  const second = await client.refreshTokenGrant(config, first.refresh_token, strange)
  const third = await client.refreshTokenGrant(config, second.refresh_token)
  await client.tokenRevocation(config, 'a-token-that-nobody-issued')
  await client.tokenRevocation(config, third.refresh_token, { token_type_hint: 'refresh_token' })
  return {
    person, standing, claims: first.claims(), id: first.id_token, access: first.access_token,
    expires: first.expiresIn(), scope: first.scope, renewed: second.claims()?.sub,
    rotated: new Set([first, second, third].map((t) => t.refresh_token)).size,
    own: await client.clientCredentialsGrant(service[1], { scope: 'read' }).then((t) => t.scope),
    after: {
      refresh: await refused(client.refreshTokenGrant(config, third.refresh_token)),
      userinfo: await refused(client.fetchUserInfo(config, third.access_token, subject)),
      active: (await client.tokenIntrospection(service[0], third.access_token)).active,
    },
  }
}

try {
  const config = await client.discovery(new URL(job.issuer), job.client, undefined, client.None(), {
    execute: [client.enableNonRepudiationChecks],
  })
  const tokens = await (job.flow === 'device' ? deviceFlow : codeFlow)(config)
  say('done', { facts: job.life ? await life(config, tokens) : { claims: tokens.claims() } })
} catch (error) {
  say('failed', { error: explain(error) })
}
