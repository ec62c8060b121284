// The Merkle tree code of Sigstore, as npm itself carries it, judges proofs that a record is in a
// log. Its path is the argument; claims come as JSON, one a line, on stdin.
const { verifyMerkleInclusion } = require(process.argv[2]);
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const { record, index, size, root, inclusion } = JSON.parse(line);
  const hashes = inclusion.map((hash) => Buffer.from(hash, "base64"));
  const entry = { canonicalizedBody: Buffer.from(record), inclusionProof: { logIndex: index, hashes } };
  try {
    verifyMerkleInclusion(entry, { logSize: size, logHash: Buffer.from(root, "base64") });
    console.log("believed");
  } catch (error) {
    if (error.code !== "TLOG_INCLUSION_PROOF_ERROR") throw error;
    console.log("refused");
  }
}
