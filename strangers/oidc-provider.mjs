// An authorization server as its author writes it with oidc-provider: device flow, PKCE (which it requires by itself),
// rotation of refresh tokens, revocation, and its own pages for development. What it says are lines of JSON: where it is,
// each grant, and what ends.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { Provider } from 'oidc-provider'

const job = JSON.parse(process.argv[2]) // cert, key: PEM files
const say = (event, facts) => process.stdout.write(JSON.stringify({ event, facts }) + '\n')

const server = createServer({ cert: readFileSync(job.cert), key: readFileSync(job.key) })
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `https://localhost:${server.address().port}`

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
const device = 'urn:ietf:params:oauth:grant-type:device_code'
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'doorward', client_name: 'Doorward', application_type: 'native', token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token', device], response_types: ['code'],
    redirect_uris: ['http://127.0.0.1/callback'], id_token_signed_response_alg: 'ES256',
  }],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256' }] },
  cookies: { keys: [randomBytes(24).toString('hex')] },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username'] },
  features: {
    deviceFlow: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true },
    devInteractions: { enabled: true }, userinfo: { enabled: true },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@strangers.example`, email_verified: true, name: `Stranger ${id}`, preferred_username: id }),
  }),
})
provider.on('grant.success', (ctx) => say('granted', { grant_type: ctx.oidc.params.grant_type, verifier: !!ctx.oidc.params.code_verifier }))
provider.on('grant.error', (ctx, error) => say('refused', { grant_type: ctx.oidc.params?.grant_type, error: error.error }))
provider.on('grant.revoked', () => say('revoked', {}))
provider.on('server_error', (ctx, error) => process.stderr.write(`${error.stack}\n`))

server.on('request', provider.callback())
say('ready', { issuer })
process.stdin.resume().on('end', () => process.exit(0)) // the test has gone
