// Runs every audit of the graphql-http suite against URL with TOKEN and exits
// with 1 if one is not ok, be it a MUST, a SHOULD or a MAY.
//
//   URL=http://127.0.0.1:8080/graphql TOKEN=… EXPECTED=61 node audit.mjs
import { serverAudits } from 'graphql-http';

const { URL: url, TOKEN: token, EXPECTED: expected } = process.env;

const audits = serverAudits({
  url,
  fetchFn: (target, init = {}) =>
    fetch(target, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
});

const failed = [];
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status !== 'ok') failed.push(`${audit.id} ${audit.name}: ${result.reason}`);
}

console.log(`${audits.length - failed.length} of ${audits.length} audits ok`);
for (const line of failed) console.log(line);
if (expected && audits.length !== Number(expected)) {
  console.log(`expected ${expected} audits`);
  process.exitCode = 1;
}
if (failed.length > 0) process.exitCode = 1;
