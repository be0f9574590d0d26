#!/usr/bin/env bash
# Find a Chromium for the browser tests, or install it from the system's packages.
# BROKER_CHROMIUM names one that stands elsewhere.
set -euo pipefail

found() {
  if [ -n "${BROKER_CHROMIUM:-}" ]; then command -v "$BROKER_CHROMIUM"; return; fi
  command -v chromium || command -v chromium-browser || command -v google-chrome
}

found >/dev/null && exit 0
if [ -n "${BROKER_CHROMIUM:-}" ]; then
  echo "BROKER_CHROMIUM names $BROKER_CHROMIUM, which is no program." >&2
  exit 1
fi
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "Installing chromium for the browser tests."
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null \
    && found >/dev/null && exit 0
fi
echo "The browser tests need Chromium: apt-get install chromium, or name one in BROKER_CHROMIUM." >&2
exit 1
