#!/usr/bin/env python3
"""Makes up snippets and compares what native bash and a sandbox do with them: finds what nobody thought to write a case for.

    differ.py [--seed N] [--count N] [--kind KIND] [--shell 'COQUINA exec']

What differs is printed; put it, made small, into a case file. Kinds: see KINDS at the end. Needs root, as record.py does.
"""

import argparse
import os
import pathlib
import random
import shlex
import subprocess
import sys

import casefile
import native

BATCH = 60
WORDS = ["", "a", "ab", "abc", "aXbX", "a b", " a  b ", "x=y", "foo.tar.gz", "/usr/lib/x.so", "A*b", "a?c", "[x]", "ÀÉé", "1", "007", "-5", "3.14", "a\\b", "it's", 'q"q', "$x", "`c`", "~", "{a,b}", "tab\\tx", "héllo", "end\\n"]
PATTERNS = ["*", "?", "a*", "*b", "*.", "*/", "/*", "[a-z]", "[!a]", "[[:upper:]]", "??", "a?c", "\\*", "'*'", "X", "", "@(a|b)", "+(a)", "!(a*)", "?(x)a", "*(a|b)", "[]a]", "[a", "é", "*[0-9]*"]


def quote(text):
    return shlex.quote(text)


def parameter(r):
    value, pattern, other = r.choice(WORDS), r.choice(PATTERNS), r.choice(WORDS[:12])
    word = other.replace("'", "").replace('"', "").replace("`", "").replace("}", "")
    op = r.choice([
        "{v}", "{v:-%s}" % word, "{v-%s}" % word, "{v:+%s}" % word, "{v:=%s}" % word, "{#v}", "{v#%s}" % pattern, "{v##%s}" % pattern,
        "{v%%%s}" % pattern, "{v%%%%%s}" % pattern, "{v/%s/%s}" % (pattern.replace("/", "\\/"), word), "{v//%s/%s}" % (pattern.replace("/", "\\/"), word),
        "{v/#%s/%s}" % (pattern.replace("/", "\\/"), word), "{v/%%%s/%s}" % (pattern.replace("/", "\\/"), word), "{v^}", "{v^^}", "{v,}", "{v,,}", "{v^^%s}" % pattern,
        "{v:%d}" % r.randint(-4, 4), "{v: %d:%d}" % (r.randint(-5, 5), r.randint(-3, 4)), "{v@Q}", "{v@U}", "{v@L}", "{v@u}", "{v@E}", "{v@A}", "{!v}", "{v@a}",
    ])
    form = r.choice(['"$%s"', "$%s", '"x$%sy"', "a$%s", '"${u:-$%s}"', "${u:-$%s}"]) % op
    array = r.random() < 0.25
    if array:
        set_up = "v=(%s)" % " ".join(quote(r.choice(WORDS)) for _ in range(r.randint(0, 3)))
        form = form.replace("{#v", "{#v[@]").replace("{!v", "{!v[@]").replace("{v", "{v[%s]" % r.choice("@*@*01"))
    else:
        set_up = "v=%s" % quote(value) if r.random() < 0.9 else "unset v"
    ifs = r.choice(["", "", "", "IFS=,; ", "IFS=; ", "IFS=X; "])
    return f"shopt -s extglob\n{set_up}; {ifs}printf '[%s]' {form}; echo"


def arithmetic(r, depth=0):
    def term(d):
        if d > 3 or r.random() < 0.3:
            return r.choice([str(r.randint(-20, 20)), str(r.randint(0, 1 << 62)), "x", "y", "z", "0x1f", "010", "2#101", "x++", "--y", "a[1]", "a[x]", "36#Zz", "9223372036854775807"])
        kind = r.random()
        if kind < 0.6:
            return f"{term(d + 1)}{r.choice([' ', ''])}{r.choice(['+', '-', '*', '/', '%', '<<', '>>', '<', '<=', '>', '==', '!=', '&', '|', '^', '&&', '||', '**', ','])} {term(d + 1)}"
        if kind < 0.75:
            return f"({term(d + 1)})"
        if kind < 0.85:
            return f"{r.choice(['-', '+', '!', '~', '- '])}{term(d + 1)}"
        if kind < 0.93:
            return f"{term(d + 1)} ? {term(d + 1)} : {term(d + 1)}"
        return f"{r.choice('xyz')} {r.choice(['=', '+=', '-=', '*=', '|=', '^=', '<<=', '%='])} {term(d + 1)}"
    return f"x=3 y=-2 z=; a=(5 7 9 11); echo $(({term(0)})); echo $x $y $z"


def printf(r):
    spec = "%" + r.choice(["", "-", "0", "+", " ", "#", "-0", "'"]) + r.choice(["", "5", "10", "*", "1"]) + r.choice(["", ".2", ".0", ".", ".*", ".10"]) + r.choice("diouxXeEfgGcsbqaA%")
    values = [r.choice(["1", "-42", "3.14159", "0", "", "abc", "0x1F", "017", "'a", "1e10", "-0.5", "a\\tb\\x41", "99999999999999999999", "12abc", "é", "a b", "1e-7", "123456789.987", "inf", "nan", "\\0101", "\\c"]) for _ in range(r.randint(0, 4))]
    if "*" in spec:  # a width from a big number is a long line
        values = [str(r.randint(-12, 12)) for _ in range(spec.count("*"))] + values[:1]
    form = "<" + spec + r.choice(["", " %s", "\\t", "\\x41"]) + ">\\n"
    return f"printf {quote(form)} {' '.join(quote(v) for v in values)}"


def condition(r):
    value = r.choice(WORDS)
    if r.random() < 0.5:
        right = r.choice(PATTERNS + WORDS)
        return f"v={quote(value)}; shopt -s extglob\n[[ $v {r.choice(['==', '!=', '=', '<', '>'])} {r.choice([quote(right), '$p', chr(34) + '$p' + chr(34)])} ]]; echo $?; p={quote(right)}; [[ $v == $p ]]; echo $?; case $v in $p) echo in;; *) echo out;; esac"
    regex = r.choice(["a", "^a", "a$", "a+", "(a)(b)?", "[0-9]+", "^[^ ]*$", "a|b", "(x|y)=(.*)", "a{2,}", ".", "", "[[:alpha:]]+", "\\.", "(.*)\\.(.*)", "^(/[^/]+)+", "b*", "é", "(", "a**", "[", "x{1,0}"])
    return f"v={quote(value)}; r={quote(regex)}; " + '[[ $v =~ $r ]]; echo $? ${#BASH_REMATCH[@]} "${BASH_REMATCH[@]}"'


def splitting(r):
    ifs = r.choice([" \\t\\n", ":", ",", " :", "", "a", " ,", "\\t", ",."])
    text = "".join(r.choice(["a", "b", " ", ":", ",", "  ", "\\t", "xy", "::", ".", "\\\\"]) for _ in range(r.randint(0, 8)))
    names = " ".join(["p", "q", "s"][: r.randint(1, 3)])
    flag = r.choice(["", "-r", "-r -a p", "-d :", "-n 3", "-N 2"])
    if "-a" in flag:
        names = ""
    show = """printf '[%s]' "${p[@]}" "$q" "$s"; echo; set -- $t; echo $#; printf '<%s>' "$@" "$*" $*; echo"""
    return f"IFS=$'{ifs}'; t=$'{text}'; read {flag} {names} <<< \"$t\"; echo $?; {show}"


def globbing(r):
    names = sorted(r.sample(["a", "b.c", ".h", "d/e", "d/f.c", "A", "x y", "[z]", "a*", "-n", "d/.g", "q/r/s.c", "é", "1", "10", "2"], r.randint(3, 10)))
    make = "".join(f"mkdir -p {quote(os.path.dirname(n))}; " * bool(os.path.dirname(n)) + f": > {quote('./' + n)}; " for n in names)
    pattern = r.choice(["*", "*.c", "?", "[a-z]*", ".*", "*/*", "**/*.c", "[!a]*", "d/*", "*/", "**", "{a,b}*", "@(a|1)*", "!(*.c)", "+([0-9])", "\\[z\\]", "'*'", "[[:upper:]]", "*[", "no*match", "./*", "*/r/*", "d/{e,f}*", "x\\ y", "?(x)*", "[0-9]*"])
    option = r.choice(["", "", "nullglob", "dotglob", "globstar", "nocaseglob", "failglob"])
    return f"rm -rf t; mkdir t; cd t; shopt -s extglob {option}\n{make}printf '[%s]' {pattern}; echo; for f in {pattern}; do echo \"$f\"; done; cd ..; rm -rf t"


def sed(r):
    regex = r.choice(["a", "^a", "b$", "[a-c]\\+", "\\(a\\)\\(b\\)", ".*", "x*", "[^ ]*", "\\w\\+", "o\\|e", "^$", "\\bt", "l\\{2\\}", "[[:upper:]]", "\\s"])
    to = r.choice(["X", "[&]", "\\2\\1", "", "\\n", "\\U&", "\\u&", "&&", "\\t", "\\L&\\E!", "a\\/b"])
    if "\\1" in to and "\\(" not in regex:
        to = "&-"
    script = r.choice([f"s/{regex}/{to}/{r.choice(['', 'g', '2', 'p', 'gI', '2g'])}", f"/{regex}/d", f"/{regex}/!d", f"/{regex}/{{p;s//{r.choice(['Z', '&&'])}/}}", f"2,/{regex}/s/./_/", "$!N;P;D", "G;h", "1~2d", "y/abc/xyz/", "=", "l 20", "n;d", f"/{regex}/,+1d", "2q", "$d", "1!G;h;$!d", "N;N;s/\\n/+/g", f"/{regex}/a\\\nadded", "i\\\nbefore", "2c\\\nchanged"])
    text = "apple pie\\nBob and Ann\\n\\nhello  world\\nabc abc\\nlast\\tTAB"
    text += r.choice(["", "\\n"])
    return f"printf {quote(text)} | sed {r.choice(['', '-n', '-E', '-s', '-z'])} {quote(script)}"


def awk(r):
    program = r.choice(["{print $%d, NF}" % r.randint(0, 4), "{$%d=\"X\"; print; print NF}" % r.randint(1, 6), "{print length($%d), toupper($1)}" % r.randint(0, 3), "NR==%d,/x/" % r.randint(1, 4), "{a[$1]++} END {n=asorti(a,b); for(i=1;i<=n;i++) print b[i],a[b[i]]}", "{gsub(/%s/,\"<&>\"); print}" % r.choice(["a", "o+", "^.", "[0-9]", ""]), "{printf \"%s|%5.2f|%d\\n\", $1, $2, $3}", "{print substr($0,%d,%d)}" % (r.randint(-2, 5), r.randint(-1, 6)), "{n=split($0,p,/[ ,]+/); print n, p[1], p[n]}", "BEGIN {print %s}" % r.choice(["1/3", "2**10", "-7%3", "int(-3.7)", "1e6", "1e20", "0.1+0.2", "\"a\" < \"b\"", "10 < 9", "\"10\" < \"9\"", "1==1.0", "substr(\"hello\",2,3)", "index(\"abc\",\"c\")", "2^0.5", "log(0)", "-0", "1e300*1e300", "100000000000000000000", "\"3x\"+1"]), "{print match($0, /[a-z]+/), RSTART, RLENGTH}", "END {print NR, $0}", "{sub(/ +/, \"_\"); print}", "{print ($2 > 5), ($1 < \"m\"), $3+0}", "{s = s $1} END {print s}", "{print tolower($0)}"])
    text = "apple 3 0x1F\\nBob 10 -2.5\\n\\n x,y  7 z\\n12 12abc 1e3 extra field"
    return f"printf {quote(text)} | awk {r.choice(['', '-F,', '-F[[:space:]]', '-v OFS=-'])} {quote(program)}"


def sort(r):
    text = r.choice(["b 2\\na 10\\nB 1\\na 2\\n", "10\\n9\\n-1\\n2.5\\n1e2\\n\\nabc\\n", "1K\\n2M\\n3\\n100\\n", "v1.10\\nv1.9\\nv1.1a\\n", "x,3,b\\ny,1,a\\nz,2,b\\n", " lead\\nlead\\n  two\\n", "Jan\\nmar\\nFEB\\n", "é\\nz\\ne\\n"])
    flags = r.sample(["-n", "-r", "-u", "-f", "-b", "-d", "-h", "-V", "-M", "-g", "-s", "-k2", "-k2,2n", "-k1,1r", "-t, -k3", "-t, -k2,2", "-i"], r.randint(0, 3))
    after = r.choice(["", " | uniq -c", " | uniq -i", " | uniq -d", " | uniq -u", " | tac", " | nl", " | paste -sd,", " | cut -c2-", " | cut -d, -f2-", " | tr a-z A-Z", " | head -n 2", " | tail -n +2", " | wc", " | fold -w 3", " | od -c"])
    return f"printf {quote(text)} | sort {' '.join(flags)} 2>&1{after}"


def words(r):
    parts = ["a", '"b c"', "'d e'", "$x", '"$x"', "$(echo f g)", '"$(echo "h  i")"', "{j,k}", "{1..3}", "\\ l", "$'m\\tn'", "~", "$((1+2))", "`echo o`", "${x:-p}", "${x#a}", "$@", '"$@"', '"$*"', "$#", "''", '"\\$q"', "x=y", "\\\\", "<(:)"[:0] + "r", '"${a[@]}"', "${a[1]}", "{a..e..2}", "!", "#", "a#b", "*nomatch*"]
    chosen = "".join(r.choice(parts) + r.choice([" ", "", " "]) for _ in range(r.randint(1, 6)))
    return f"x='a  b'; a=(1 '2 3' ''); set -- A 'B C'; printf '[%s]' {chosen}\necho"


def control(r):
    def body(d):
        simple = r.choice(["echo $i", "false", "true", "((i++))", "i=$((i+1))", "[ $i -lt 2 ]", "echo x | cat", "(exit 3)", "x=$(echo sub)", "! true", "return 4", "break", "continue", ": ${x:=1}", "echo \"$?\"", "local z=1", "set -- a b", "shift", "nosuchcmd 2>/dev/null", "{ echo g; false; }", "exit 5"])
        if d > 2 or r.random() < 0.45:
            return simple
        k = r.random()
        if k < 0.25:
            return f"if {body(d + 1)}; then {body(d + 1)}; {r.choice(['', 'else ' + body(d + 1) + ';'])} fi"
        if k < 0.4:
            return f"for i in 1 2; do {body(d + 1)}; done"
        if k < 0.5:
            return f"case $i in 0) {body(d + 1)};; {r.choice('12*')}) {body(d + 1)};{r.choice([';', '&', ';&'])} *) {body(d + 1)};; esac"
        if k < 0.7:
            return f"{body(d + 1)} {r.choice(['&&', '||'])} {body(d + 1)}"
        if k < 0.8:
            return f"{{ {body(d + 1)}; {body(d + 1)}; }}"
        if k < 0.9:
            return f"( {body(d + 1)}; {body(d + 1)} )"
        return f"{body(d + 1)}; {body(d + 1)}"
    option = r.choice(["", "", "set -e; ", "set -u; ", "set -o pipefail; ", "set -eu; ", "trap 'echo T$?' EXIT; ", "trap 'echo E$?' ERR; "])
    return f"{option}i=0; f() {{ {body(0)}; {body(0)}; }}; f; echo \"f $?\"; {body(0)}; echo \"end $? $i\""


def arrays(r):
    steps = []
    for _ in range(r.randint(2, 6)):
        i, w = r.choice(["0", "1", "-1", "5", "i", "i+1", "i*2", "-4", "'x y'", "a", "$i"]), quote(r.choice(WORDS))
        steps.append(r.choice([f"v[{i}]={w}", f"v+=({w} {quote(r.choice(WORDS))})", f"v[{i}]+={w}", f"unset 'v[{i}]'", f"v=({w})", f"v=([{i}]={w} tail)", "v=(\"${v[@]:1}\")", "v=(\"${v[@]/a/b}\")", "v=()", "unset v", "i=$((i+1))", "v=(${v[@]})", f"printf -v 'v[{i}]' %s {w}", "mapfile -t v <<< $'l1\\nl2'", "read -ra v <<< 'r1 r2'", "declare -n n=v; n+=(viaref)", "v=(\"${!v[@]}\")", "v=([3]=c [1]=a)"]))
    kind = r.choice(["", "", "declare -a v; ", "declare -A v; ", "declare -ia v; ", "declare -u v; ", "local v; ", "v=scalar; "])
    return f"i=1; {kind}" + "; ".join(steps) + "; declare -p v; echo \"${#v[@]} ${!v[*]} [${v[-1]}] [${v[0]}] ${v[@]:1:2}\""


def tracing(r):
    return f"PS4='+ '; set -x; " + words(r).replace("\necho", "; echo") + f"; [[ {quote(r.choice(WORDS))} == {quote(r.choice(WORDS))} ]]; x={quote(r.choice(WORDS))} y=({quote(r.choice(WORDS))}); declare -p x y; case $x in a*) :;; esac; for i in $x; do :; done; printf '%q ' \"$x\"; (( 1 + ${{#x}} )); echo \"${{x@Q}}\"; f() {{ echo \"$1\"; }}; f \"$x\""


def grep(r):
    regex = r.choice(["a", "^a", "b$", "[a-c]+", "(a)(b)", ".*", "x*", "\\w+", "o|e", "^$", "\\bt", "l{2}", "[[:upper:]]", "\\.", "a.c", "[^a-z]", "(.)\\1", "é", "^.{5}$", "the"])
    flags = r.sample(["-i", "-v", "-c", "-n", "-o", "-w", "-x", "-l", "-h", "-H", "-A1", "-B1", "-C1", "-m1", "-b", "-s", "-q", "--color=always", "-T", "-z", "-L", "-a"], r.randint(0, 3))
    text = "apple pie\\nBob and Ann\\n\\nhello the world.\\nabc abc\\naéc\\nlast\\tTAB\\n"
    return f"printf {quote(text)} > g1; printf 'x\\nthe end\\n' > g2; grep {r.choice(['-E', '-G', '-F', '-P', ''])} {' '.join(flags)} -e {quote(regex)} {r.choice(['g1', 'g1 g2', '< g1', 'g1 nosuch', '-r .'])} | {r.choice(['cat', 'sort', 'sort'])}; echo $PIPESTATUS; rm g1 g2"


def find(r):
    tests = ["-name '*.c'", "-type f", "-type d", "-type l", "-size +0", "-size 0", "-empty", "-perm 644", "-perm -u+x", "-newer f/old", "-maxdepth 1", "-mindepth 1", "-path '*/d/*'", "-iname 'A*'", "-links 2", "-regex '.*[0-9]'", "-mtime +100", "-newermt 2024-01-01", "-prune", "-executable", "-user user", "-samefile f/a", "-size -2c"]
    chosen = [r.choice(["", "", "! "]) + r.choice(tests) + " " + r.choice(["", "", "-o ", "-a "]) for _ in range(r.randint(1, 3))]
    if chosen:
        chosen[-1] = chosen[-1].replace("-o ", "").replace("-a ", "")
    action = r.choice(["", "-print", "-printf '%P %y %m %s %d %f\\n'", "-exec echo {} +", "-exec echo x{}y \\;", "-print0 | tr '\\0' '\\n'", "-exec test -f {} \\; -print", "-printf '%h|%l|%n\\n'", "-delete -print"])
    return f"rm -rf f; mkdir -p f/d/e; printf aa > f/a; : > f/b.c; printf x > f/d/A1; chmod +x f/d/A1; ln -s a f/l; ln -s nowhere f/d/br; ln f/a f/d/hard; touch -d 2020-01-01 f/old; find f {' '.join(chosen)} {action} 2>&1 | tr ' ' '\\n' | sort; rm -rf f"


def date(r):
    when = r.choice(["@0", "@1700000000", "2024-02-29 13:45:09", "2023-12-31", "2024-01-01 00:00:00 UTC", "2000-06-15T07:08:09+02:00", "Mar 5 2021 3:04pm", "1969-07-20", "2038-01-19 03:14:08"]) + r.choice(["", " +1 day", " -1 month", " next week", " 3 days ago", " +25 hours", " last year", " tomorrow", " -90 minutes"])
    form = "".join("%" + r.choice(["", "", "-", "_", "0", "^", "#", "5"]) + r.choice("YyCmBbhdejHIklMSNpPaAuwUVWGgDFTRrcxXsZznt%") + r.choice(" :/|") for _ in range(r.randint(1, 5)))
    return f"TZ={r.choice(['UTC', 'UTC', 'EST5EDT', 'UTC-5:30', 'CET-1CEST,M3.5.0,M10.5.0/3'])} date -d {quote(when)} {quote('+' + form)}"


def jq(r):
    data = r.choice(['{"a":1,"b":[1,2,{"c":null}],"s":"héllo"}', '[3,1,2,"x",null,true]', '[{"n":"x","v":2},{"n":"y","v":1}]', '"text \\" q"', "12.50", "{}", "[]", '{"k":{"k":{"k":"deep"}}}'])
    program = r.choice([".", "keys", ".a", ".[0]", ".[]", "length", "map(.)", ".[] | tostring", "to_entries", "type", "sort", "reverse", "add", "tojson", "..", "paths", "[..|numbers]", "map(select(. != null))", "has(\"a\")", "first", "last", ".b[1:]", "flatten", "unique", "group_by(.)", "@csv", "@json", "@sh", "ascii_downcase", "test(\"e\")", ".s | explode", "del(.a)", ". + .", "min, max", "any, all", "with_entries(.)", "[.[]?]", "try error(\"x\") catch .", "map(.v) | add", "sort_by(.v)", "index(\"x\")", "tostring | length", "limit(1; .[])", "input_line_number", "splits(\" \")", "ltrimstr(\"t\")", "floor", "isvalid(.a)", ".a.b", ".[\"k\"].k", "[paths]", "env | type", "recurse | type", "@base64", "@uri", "indices(1)", "transpose", "range(3)", "reduce .[] as $x (0; . + 1)", "if . then 1 else 2 end", "not"])
    return f"jq {r.choice(['', '-c', '-r', '-S', '-s', '-c -e', '--tab', '-R', '-n', '-j'])} {quote(program)} <<< {quote(data)} 2>&1; echo $?"


KINDS = {f.__name__: f for f in (parameter, arithmetic, printf, condition, splitting, globbing, sed, awk, sort, words, control, arrays, tracing, grep, find, date, jq)}


def batch(snippets):
    """One script that runs each snippet in a subshell and marks its end."""
    return "".join(f"( {s}\n) 2> /tmp/err; echo \"@@ $? $(< /tmp/err)\"\n@@@\n".replace("\n@@@", "; echo @@@") for s in (f"eval {quote(s)}" for s in snippets))


def results(stdout, count):
    answers = stdout.split(b"@@@\n")
    return answers[:count] + [b"(missing)"] * (count - len(answers))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    args.add_argument("--count", type=int, default=600)
    args.add_argument("--kind", choices=KINDS)
    args.add_argument("--shell", default=str(pathlib.Path(__file__).parent.parent / "target/release/coquina") + " exec")
    args = args.parse_args()
    native.enter_namespace()
    r, found = random.Random(args.seed), 0
    for kind in [args.kind] if args.kind else KINDS:
        made = [KINDS[kind](r) for _ in range(args.count // (1 if args.kind else len(KINDS)))]
        for start in range(0, len(made), BATCH):
            snippets = made[start : start + BATCH]
            script = batch(snippets)
            want, _, _ = native.run(casefile.Case("", set(), script=script))
            got = subprocess.run([*shlex.split(args.shell), "-c", script], stdin=subprocess.DEVNULL, capture_output=True).stdout
            for snippet, one, two in zip(snippets, results(want, len(snippets)), results(got, len(snippets))):
                if one != two:
                    found += 1
                    print(f"--- {kind}\n{snippet}\n  bash    {one.decode(errors='backslashreplace')!r}\n  coquina {two.decode(errors='backslashreplace')!r}")
    print(f"seed {args.seed}: {found} differences")
    sys.exit(1 if found else 0)


main()
