# Runs inside the router's container. Replaces one fragment, joins all of a kind, and sees that the router took them.
# apply KIND FILE BODY FENCE CLUSTERS | remove KIND FILE | has KIND FILE | healthy CLUSTER HOSTS SECONDS | idle CLUSTER SECONDS | await HOST PORT PATH SECONDS
# BODY is base64; CLUSTERS are separated by commas; FENCE may be empty.
# Exit: 0 done, 70 admin silent, 75 fenced off, 76 rejected, 77 unknown cluster, 78 requests met no cluster, 79 time ran out.
set -u -o pipefail
umask 022
export LC_ALL=C

get() { # HOST PORT PATH: the answer with its head, or nothing
  exec 3<>"/dev/tcp/$1/$2" || return 1
  printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$3" "$1" >&3
  cat <&3
  exec 3>&-
}

ask() { timeout "$1" bash -c "$(declare -f get); "'get "$@"' towpath "${@:2}" 2>/dev/null; } # SECONDS, then as get

admin() { ask 5 127.0.0.1 9901 "$1"; }

number() { # NAME, in $counters
  local line
  line=$(grep -m1 "^$1: " <<<"$counters") || { echo 0; return; }
  line=${line##*: }
  echo "${line//[!0-9]/}"
}

counters() { counters=$(admin "/stats?filter=$filter") && [ -n "$counters" ]; }

join() { # into joined, version first
  local body
  case $kind in
    clusters) body=$([ -z "$(ls clusters)" ] && echo 'resources: []' || { echo 'resources:'; cat clusters/*; }) ;;
    routes) body=$(cat routes.head; [ -z "$(ls routes)" ] || cat routes/*; cat routes.tail) ;;
  esac
  version=$(sha256sum <<<"$body" | cut -c1-16)
  printf 'version_info: "%s"\n%s\n' "$version" "$body" >"tmp/$live"
}

put() { # BODY or - for none
  if [ "$1" = - ]; then rm -f "$kind/$file"; else base64 -d <<<"$1" >"tmp/$file" && mv "tmp/$file" "$kind/$file"; fi
}

publish() { join && mv "tmp/$live" "live/$live"; }

known() { # every cluster that a route is about to name
  local clusters name
  [ -z "$1" ] && return 0
  clusters=$(admin /clusters) || clusters=$(admin /clusters) || return 70
  for name in ${1//,/ }; do
    grep -q "^$name::" <<<"$clusters" || { echo "the router has no cluster $name"; return 77; }
  done
}

fenced() { # keep the highest fence that was ever used
  local highest=0
  [ -z "$1" ] && return 1
  [ -e fence ] && highest=$(cat fence)
  if [ "$1" -lt "$highest" ]; then echo "$highest"; return 0; fi
  printf '%s' "$1" >tmp/fence && mv tmp/fence fence
  return 1
}

accepted() { # wait until the router runs $version or has refused it
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    counters || { sleep 0.1; continue; }
    grep -q "^$prefix.version_text: \"$version\"" <<<"$counters" && return 0
    [ "$(number "$prefix.update_rejected")" -gt "$rejected" ] && return 76
    sleep 0.05
  done
  return 79
}

change() { # BODY CLUSTERS
  local before=- code=0
  [ -e "$kind/$file" ] && before=$(base64 -w0 "$kind/$file")
  counters || return 70
  rejected=$(number "$prefix.update_rejected")
  lost=$(number http.towpath.no_cluster)
  known "$2" || return
  put "$1" && publish || return 1
  accepted || code=$?
  if [ $code -ne 0 ]; then
    [ $code -eq 76 ] && admin /config_dump | grep -m1 -A3 '"error_state"'
    put "$before" && publish
    return $code
  fi
  [ "$kind" = clusters ] || { counters && [ "$(number http.towpath.no_cluster)" -le "$lost" ]; } || return 78
}

about() { # KIND FILE
  kind=$1 file=$2
  case $kind in
    clusters) live=cds.yaml prefix=cluster_manager.cds ;;
    routes) live=rds.yaml prefix=http.towpath.rds.towpath ;;
  esac
  filter="%5E$prefix%7C%5Ehttp.towpath.no_cluster"
}

locked() {
  exec 9>lock
  flock -w 60 9 || exit 79
}

cd /xds || exit 1
verb=$1
shift
case $verb in
  apply)
    about "$1" "$2"
    locked
    fenced "$4" && exit 75
    change "$3" "$5"
    ;;
  remove)
    about "$1" "$2"
    [ -e "$kind/$file" ] || exit 0
    locked
    change - ""
    ;;
  has) [ -e "$1/$2" ] ;;
  healthy)
    for ((end = SECONDS + $3; SECONDS <= end; )); do
      [ "$(admin /clusters | grep -c "^$1::[^:]*:[0-9]*::health_flags::healthy")" -ge "$2" ] && exit 0
      sleep 0.1
    done
    admin /clusters | grep "^$1::.*::health_flags::"
    exit 79
    ;;
  idle)
    for ((end = SECONDS + $2; SECONDS <= end; )); do
      admin /clusters | grep "^$1::.*::rq_active::" | grep -qv '::rq_active::0' || exit 0
      sleep 0.1
    done
    exit 79
    ;;
  await) # that it is ready or never will be; in between its answers are of no interest
    for ((end = SECONDS + $4; SECONDS <= end; )); do
      answer=$(ask 2 "$1" "$2" "$3")
      case $answer in
        'HTTP/1.'?' 2'* | *'"failed"'*) break ;;
        '') getent hosts "$1" >/dev/null || break ;; # it has ended
      esac
      sleep 0.1
    done
    printf '%s' "$answer"
    ;;
esac
