#!/usr/bin/env python3
"""Runs vectors on a client, with nothing but Python. FILE has vectors of the same genesis:

consumer.py FILE > genesis.json    prints the genesis file that the client must be started on
consumer.py FILE URL JWT_FILE      runs the vectors through the client's Engine API"""
import base64, gzip, hashlib, hmac, json, sys, time, urllib.request

FIELDS = """parentHash coinbase difficulty number gasLimit gasUsed timestamp extraData mixHash nonce
    baseFeePerGas blobGasUsed excessBlobGas""".split()

def call(method, *params):
    encode = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=")
    token = encode(b'{"alg":"HS256","typ":"JWT"}') + b"." + encode(b'{"iat":%d}' % time.time())
    token += b"." + encode(hmac.new(secret, token, hashlib.sha256).digest())
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + token.decode()}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
        return json.load(answer)

def expect(where, answer, code=None, **fields):
    """Compares the code of the error, else fields of the result: None stands for any value."""
    assert answer.get("error", {}).get("code") == code, f"{where}: {answer} but code {code}"
    result = {} if code else answer["result"]
    found = {**result, **result.get("payloadStatus", {}), **result.get("executionPayload", {})}
    for name, value in {} if code else fields.items():
        same = found[name] == value or (found[name], value) == ("INVALID_BLOCK_HASH", "INVALID")
        assert value is None or same, f"{where}: {name} is {found[name]} but should be {value}"
    return result

def run(vector):
    method = "engine_forkchoiceUpdatedV"
    update = lambda test, *params: call(method + test["forkchoiceUpdatedVersion"], *params)
    genesis = call("eth_getBlockByNumber", "0x0", False)
    expect("genesis", genesis, hash=vector["genesisBlockHeader"]["hash"])
    for index, test in enumerate([*vector["engineNewPayloads"], None]):
        for choice in vector.get("engineForkchoiceUpdates", []):
            if choice["after"] != index: continue
            answer = update(choice, *choice["params"])
            result = expect(f"forkchoice {index}", answer, choice.get("errorCode"),
                            status=choice.get("status"), payloadId=choice.get("payloadId"))
            if "blockHash" in choice:
                built = call("engine_getPayloadV" + choice["getPayloadVersion"], result["payloadId"])
                expect(f"built {index}", built, blockHash=choice["blockHash"])
        if test is None: break
        status = test.get("status", "INVALID" if "validationError" in test else "VALID")
        answer = call("engine_newPayloadV" + test["newPayloadVersion"], *test["params"])
        expect(f"payload {index}", answer, test.get("errorCode"), status=status)
        if "latestValidHash" in test:
            assert answer["result"]["latestValidHash"] == test["latestValidHash"], f"payload {index}"
        if status == "VALID" and "errorCode" not in test:
            head, zero = test["params"][0]["blockHash"], "0x" + "00" * 32
            state = {"headBlockHash": head, "safeBlockHash": zero, "finalizedBlockHash": zero}
            expect(f"head {index}", update(test, state, None), status="VALID")
    latest = call("eth_getBlockByNumber", "latest", False)
    expect("latest", latest, hash=vector["lastblockhash"], stateRoot=vector["postStateHash"])

with open(sys.argv[1], "rb") as file: data = file.read()
vectors = json.loads(gzip.decompress(data) if data[:1] == b"\x1f" else data)
first = next(iter(vectors.values()))
header = first["genesisBlockHeader"]
if len(sys.argv) == 2:
    fields = {name: header[name] for name in FIELDS if name in header}
    print(json.dumps({**fields, "config": first["config"], "alloc": first["pre"]}))
    sys.exit()
url, secret, failed = sys.argv[2], bytes.fromhex(open(sys.argv[3]).read().strip()), 0
# First those that end at the genesis, to which not every client goes back.
ends_elsewhere = lambda item: item[1]["lastblockhash"] != header["hash"]
for name, vector in sorted(vectors.items(), key=ends_elsewhere):
    try:
        run(vector)
        print(f"ok   {name}")
    except Exception as error:
        print(f"FAIL {name}: {type(error).__name__}: {error}")
        failed += 1
sys.exit(failed > 0)
