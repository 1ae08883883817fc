# make demo and make test are all that a new clone needs: Go and npm.
# Variables: RACE= leaves the race detector out; ARGS= goes to demo and bench; FUZZTIME= is for each target;
# KILLS= is how often soak-crash ends the engine in each of its tests; SOAK= is how long soak has load.

export CGO_ENABLED = 0
# A program with the race detector would sleep for a second at its end, of which the tests start thousands.
export GORACE ?= atexit_sleep_ms=0

CC       := $(shell go env CC)
RACE     := $(shell command -v $(firstword $(CC)) >/dev/null 2>&1 && echo -race)
FUZZTIME := 30s
KILLS    := 1000
SOAK     := 30m
TIMED    := ./engine ./engine/agent ./engine/delivery ./engine/index ./engine/lifecycle ./engine/registry ./engine/sessions ./graph
RELEASES := linux-amd64 linux-arm64 darwin-amd64 darwin-arm64
# Where nothing is shared by goroutines there is nothing for the race detector to find: in SQLite, as translated from C,
# in compilers of WebAssembly, and in esbuild. With it, a program takes four times as long to open a database.
WAZEVO   := github.com/tetratelabs/wazero/internal/engine/wazevo
RACELESS := github.com/ncruces/go-sqlite3-wasm/... $(WAZEVO)/ssa $(WAZEVO)/frontend $(WAZEVO)/backend/... github.com/evanw/esbuild/...
# The tests build the engine too, so it is in the environment.
RACEENV   = $(if $(RACE),CGO_ENABLED=1 GOFLAGS="$(strip $(shell go env GOFLAGS) $(RACELESS:%=-gcflags=%=-race=false))")
# Folders with npm packages that the tests use; the benchmark's peer compiles for a minute and is left to bench.
NPM      := $(filter-out ./tests/peer,$(patsubst %/package-lock.json,%,$(shell find . -name package-lock.json -not -path '*/node_modules/*')))

# Hooks in JavaScript run on it; an engine that was built without says so.
QUICKJS  := engine/hooks/quickjs/quickjs.wasm

# The web console, which the engine embeds; it is not committed.
WEB      := $(shell find web graph/schema -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -path 'web/src/gql/*' -not -name '*.go')
CONSOLE  := $(if $(shell command -v npm),web/dist/index.html,no-console)

.PHONY: build demo test soak soak-crash search-large bench lint release screenshots fuzz clean no-console

build: $(QUICKJS) $(CONSOLE)
	go build -o bin/engine ./cmd/engine

demo: build
	bin/engine demo $(ARGS)

# -count=1: the black-box tests build the engine themselves, so a cached pass may be of an older one.
test: $(QUICKJS) $(CONSOLE) $(NPM:=/node_modules/.package-lock.json)
	$(if $(RACE),,@echo "There is no C compiler ($(CC)): the tests run without the race detector.")
	@# A local time that is an hour, or half of one, from what is meant shows on either side of UTC.
	TZ=Asia/Kolkata go test -count=1 -vet=off $(TIMED)
	TZ=America/New_York go test -count=1 -vet=off $(TIMED)
	go build -o bin/skips ./tests/skips
	@# What takes longest comes first, and much of it waits: a package more than there are processors. What was skipped is told.
	$(RACEENV) bin/skips -count=1 -timeout 20m -vet=off -p $$(($$(getconf _NPROCESSORS_ONLN) + 1)) $(RACE) ./tests/soak ./tests ./tests/web ./tests/cli ./wasm-hooks ./...

# 200 sessions with agents, hooks and deliveries, and kills of all of them; make test does it for 5 minutes. On a
# failure it says where it left the logs and the data.
soak: $(QUICKJS)
	$(RACEENV) TWINBOX_SOAK=$(SOAK) go test -count=1 -timeout 12h -v $(RACE) ./tests/soak

soak-crash:
	TWINBOX_KILLS=$(KILLS) go test -count=1 -timeout 4h -v -run 'Kills|PowerLoss' ./tests

# Ten thousand messages, of which make test has a tenth, are found again after kills.
search-large:
	TWINBOX_SEARCH=100 go test -count=1 -v -run MessagesAreFound ./tests

$(QUICKJS): $(dir $(QUICKJS))package-lock.json
	@command -v npm >/dev/null || echo "There is no npm: hooks in JavaScript are left out."
	! command -v npm >/dev/null || { cd $(@D) && npm ci --no-audit --no-fund && cp node_modules/quickjs-wasi/quickjs.wasm .; }

web/dist/index.html: web/node_modules/.package-lock.json $(WEB)
	cd web && npm run build

no-console:
	@echo "There is no npm: the engine is built without its console."

%/node_modules/.package-lock.json: %/package-lock.json
	cd $* && npm ci --no-audit --no-fund
	touch $@

bench: build tests/peer/node_modules/.package-lock.json tests/web/node_modules/.package-lock.json
	go build -o bin/bench ./tests/bench
	bin/bench $(ARGS)

lint: $(if $(filter no-console,$(CONSOLE)),no-console,web/node_modules/.package-lock.json)
	$(if $(filter no-console,$(CONSOLE)),,npm --prefix web run check)
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "gofmt these: $$files"; exit 1; }
	go vet ./...
	go tool staticcheck ./...
	go mod tidy -diff
	@state() { git status --porcelain; git diff; }; before=$$(state); go generate ./...; \
		test "$$before" = "$$(state)" || { echo "go generate ./... changes the tree:"; git status --short; exit 1; }
	@! git grep -nE '(^|[^A-Za-z0-9._-])/(work|root|home/[a-z]+)/' || { echo "These paths are one machine's."; exit 1; }
	@! git grep -n '"resolved":' -- '*package-lock.json' || { echo "These lock files name one registry's host."; exit 1; }

release: $(QUICKJS) $(CONSOLE) $(addprefix dist/engine-,$(RELEASES))

dist/engine-%: FORCE
	GOOS=$(firstword $(subst -, ,$*)) GOARCH=$(lastword $(subst -, ,$*)) go build -trimpath -ldflags '-s -w' -o $@ ./cmd/engine

# Pictures of the console's screens for docs/console, of the same data each time.
screenshots: $(QUICKJS) $(CONSOLE) tests/web/node_modules/.package-lock.json
	TWINBOX_SCREENSHOTS=$(CURDIR)/docs/console go test -count=1 -v ./tests/web

fuzz:
	@grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | sed 's/:[0-9]*:func / /' | while read -r file name; do \
		echo "$$name"; go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; done

clean:
	rm -rf bin dist web/dist/assets web/dist/*.html

FORCE:
