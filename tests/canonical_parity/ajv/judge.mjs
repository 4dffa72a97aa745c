// Plain ajv over a stream of questions. One JSON line in: {"schema": …} announces a schema,
// {"id": …, "document": …} asks. One JSON line out for each question: [plain, with formats].
import { createInterface } from "node:readline";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

// strict: false, because the schemas carry annotations of their own (x-kind, x-version …)
const plain = new Ajv2020({ strict: false, validateFormats: false });
const formal = addFormats(new Ajv2020({ strict: false }));

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const said = JSON.parse(line);
  if (said.schema) {
    plain.addSchema(said.schema);
    formal.addSchema(said.schema);
  } else {
    const verdict = [plain, formal].map((ajv) => ajv.validate(said.id, said.document));
    process.stdout.write(JSON.stringify(verdict) + "\n");
  }
}
