#!/bin/sh
# Makes the JSON schemas of this folder again, from the types that Grafana publishes in the npm package @grafana/schema.
# Only who wants those of a newer Grafana needs this, and node for it: ./make.sh [version]
# Descriptions are left out: the schemas only judge.
set -eu
version=${1:-13.2.3}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init --yes >/dev/null
npm install --silent --no-fund --ignore-scripts "@grafana/schema@$version" ts-json-schema-generator@2.4.0 typescript@5
types=node_modules/@grafana/schema/dist/types
mkdir ts
echo '{"compilerOptions": {"moduleResolution": "node", "skipLibCheck": true, "types": []}, "include": ["ts/*.ts"]}' >tsconfig.json

# generate FILE TYPE OUT
generate() {
    node_modules/.bin/ts-json-schema-generator --expose none --no-top-ref --no-type-check \
        --tsconfig tsconfig.json --path "ts/$1.ts" --type "$2" -o out.json
    node -e '
        const fs = require("fs");
        const strip = (value, named) => Array.isArray(value) ? value.map((one) => strip(one, false))
            : value === null || typeof value !== "object" ? value
            : Object.fromEntries(Object.entries(value)
                .filter(([key, inner]) => named || key !== "description" || typeof inner !== "string")
                .map(([key, inner]) => [key, strip(inner, key === "properties" || key === "definitions")]));
        fs.writeFileSync(process.argv[1], JSON.stringify(strip(JSON.parse(fs.readFileSync("out.json")), false)) + "\n");
    ' "$here/$3.json"
}

cp "$types/raw/dashboard/x/types.gen.d.ts" ts/dashboard.ts
generate dashboard Dashboard dashboard
for panel in barchart bargauge stat statetimeline table timeseries; do
    # The types name their own package; that is where they come from here.
    sed "s#@grafana/schema#../$types/index#" "$types/raw/composable/$panel/panelcfg/x/types.gen.d.ts" >"ts/$panel.ts"
    generate "$panel" Options "$panel-options"
    if grep -q "FieldConfig" "ts/$panel.ts"; then
        generate "$panel" FieldConfig "$panel-custom"
    fi
done
