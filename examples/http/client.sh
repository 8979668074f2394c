#!/bin/sh
# One run in a sandbox of its own; COQUINA_URL is where the service listens, COQUINA_KEY a key for it, if it needs one.
curl --silent --show-error --fail "${COQUINA_URL:-http://127.0.0.1:8320}/v1/run" \
  --header "authorization: Bearer ${COQUINA_KEY:-none}" \
  --form script='sort in.csv > out.csv; cat out.csv' --form 'files=@-;filename=in.csv' --form 'outputs[]=out.csv' |
  jq --join-output '.files["out.csv"]'
