// The zone that `amnesia serve dns` has to say something about at once: one of everything, each with a reason to be asked for.

/** Written at the name `big`: long enough to need TCP whatever size of datagram a client declares (RFC 9715 has it at 1400 at most). */
const CHAPTER =
  'A server that forgets everything between two questions has nothing to lose: kill it, start it again, ask it again, and ' +
  'the answer is the same to the byte, for all that the answer needs came in with the question. ';

/** A TXT of eight strings, 255 bytes each: the most that one string can hold (RFC 1035 §3.3). */
const BIG = Array.from({ length: 8 }, (_none, part) => {
  const text = `${part + 1}/8 ${CHAPTER}${CHAPTER}`;
  return `        "${text.slice(0, 255)}"`;
}).join('\n');

/** A master file (RFC 1035 §5) for `example.test.`, a name that nobody owns (RFC 6761 §6.2), with addresses of nobody (RFC 5737, RFC 3849). */
export const EXAMPLE_ZONE = `; The example zone of Amnesia. Copy it, change it, and serve it with --zone FILE.
$ORIGIN example.test.
$TTL 1h

@       IN SOA  ns1 hostmaster (
                2026010100 ; serial: a new one for each change
                2h         ; refresh: how often a secondary server looks for a new serial
                30m        ; retry: how soon after it could not
                2w         ; expire: how long it goes on without
                5m )       ; minimum: how long “there is no such name” may be remembered (RFC 2308)

; The zone itself
@       NS      ns1
@       NS      ns2
@       A       192.0.2.1
@       AAAA    2001:db8::1
@       MX      10 mail
@       TXT     "v=spf1 mx -all"
@       CAA     0 issue "ca.example.net"

; Its name servers, and some hosts
ns1     A       192.0.2.53
ns2     A       192.0.2.54
        AAAA    2001:db8::54
mail    A       192.0.2.25
www     A       192.0.2.80
        AAAA    2001:db8::80

; Aliases: one, one of one, one that leads out of the zone, and two that lead to each other
alias   CNAME   www
alias-of-alias  CNAME alias
away    CNAME   www.example.net.
hen     CNAME   egg
egg     CNAME   hen

; A service, found by its name and protocol (RFC 2782)
_sip._tcp       SRV 10 60 5060 mail

; Whatever is asked for below “wild” is there, but for what is there by itself (RFC 4592)
*.wild          A   192.0.2.42
*.wild          TXT "made for the one who asked"
tame.wild       A   192.0.2.43

; “empty” holds nothing, and yet it exists, for there is a name below it (RFC 8020)
full.empty      A   192.0.2.44

; A part of the zone that other servers answer for, and how to reach them (RFC 1034 §4.2.1)
sub             NS  ns1.sub
sub             NS  ns2.sub
ns1.sub         A   192.0.2.153
ns2.sub         A   192.0.2.154

; Addresses back to names, as in-addr.arpa has them
80.2.0.192.rev  PTR www
53.2.0.192.rev  PTR ns1

; Several strings in one record, and bytes that need an escape
texts           TXT "one" two "and; three" "a \\"quote\\", a \\\\ and byte \\007"
a\\.dot         A   192.0.2.46

; A type that this server has no word for (RFC 3597): 65 is HTTPS, and these bytes say “alpn h2”
www             TYPE65 \\# 10 000100 0001 0003 026832

; More than a datagram should hold: the answer is cut off, and the question comes back over TCP
big             TXT (
${BIG} )
`;
