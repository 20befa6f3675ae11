# Sourced by scripts/start and scripts/test, from the root of the checkout. Afterwards "$BUN" is the
# pinned Bun and the packages are installed. Nothing outside of the checkout is written.

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

command -v node >/dev/null 2>&1 || fail "Node.js is missing: install it with npm (Debian: apt install nodejs npm)."

# The version is pinned in one place: "packageManager" in package.json.
BUN_VERSION=$(node -p 'require("./package.json").packageManager.split("@")[1]') || fail "package.json cannot be read."

export npm_config_cache="$PWD/.tools/npm-cache"
export npm_config_update_notifier=false
export BUN_INSTALL_CACHE_DIR="$PWD/.tools/bun-cache"
export BUN_RUNTIME_TRANSPILER_CACHE_PATH=0
export DO_NOT_TRACK=1

is_pinned() { [ "$("$1" --version 2>/dev/null)" = "$BUN_VERSION" ]; }

# Bun comes from npm as one file in a package for each platform. It is called there directly: its
# install script only links that file, and npm may refuse to run install scripts.
find_local_bun() {
  for candidate in .tools/node_modules/@oven/bun-*/bin/bun; do
    if [ -x "$candidate" ] && is_pinned "$candidate"; then
      BUN="$PWD/$candidate"
      return 0
    fi
  done
  return 1
}

install_bun() {
  command -v npm >/dev/null 2>&1 || fail "npm is missing: install it (Debian: apt install npm)."
  say "Installing Bun $BUN_VERSION by npm into .tools (about 100 MB) ..."
  npm install --prefix .tools --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "bun@$BUN_VERSION" >&2 ||
    fail "npm could not install Bun $BUN_VERSION: see above; try again when the npm registry can be reached."
  rm -rf .tools/npm-cache
  find_local_bun || fail "npm installed no Bun $BUN_VERSION that runs on this machine ($(uname -sm))."
}

BUN=$(command -v bun || true)
if [ -z "$BUN" ] || ! is_pinned "$BUN"; then
  find_local_bun || install_bun
fi

# `bun run` and the tools it calls find the same Bun.
PATH="$(dirname "$BUN"):$PATH"
export PATH

# What is there is looked over each time; only what takes a while is announced.
INSTALLED=node_modules/.installed.lock
cmp -s bun.lock "$INSTALLED" || say "Installing the packages of bun.lock into node_modules ..."
"$BUN" install --frozen-lockfile --silent >&2 || fail "the packages of bun.lock could not be installed: see above."
cmp -s bun.lock "$INSTALLED" || { mkdir -p node_modules && cp bun.lock "$INSTALLED"; }
