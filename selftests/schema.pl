#!/usr/bin/env perl
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# schema.pl SCHEMA: does the JSON on standard input fit? As much of JSON Schema as doc/ uses; a word of it that is not known here
# is an error. Prints what does not fit, a line each.
use strict;
use warnings;
use JSON::PP;

my %known = map { $_ => 1 }
	qw($schema title description type required properties additionalProperties items enum minimum maximum pattern);
my $wrong = 0;

sub complain {
	my ($where, $what) = @_;
	print "$where: $what\n";
	$wrong = 1;
}

sub type_of {
	my ($value) = @_;
	return 'null' if !defined $value;
	return 'boolean' if JSON::PP::is_bool($value);
	return 'object' if ref $value eq 'HASH';
	return 'array' if ref $value eq 'ARRAY';
	my $text = encode_json([$value]);
	return 'string' if $text =~ /^\["/;
	return $text =~ /^\[-?\d+\]$/ ? 'integer' : 'number';
}

sub check {
	my ($where, $schema, $value) = @_;
	my $is = type_of($value);
	my @types = ref $schema->{type} ? @{$schema->{type}} : $schema->{type};

	$known{$_} or die "$where: the schema says $_, which is not known here\n" for keys %$schema;
	length $schema->{description} or complain($where, 'has no description') if $where ne '';
	return complain($where, "is $is, not @types") if !grep { $_ eq $is || ($_ eq 'number' && $is eq 'integer') } @types;
	return if $is eq 'null';
	complain($where, "is $value, none of @{$schema->{enum}}") if $schema->{enum} && !grep { $_ eq $value } @{$schema->{enum}};
	complain($where, "is $value, under $schema->{minimum}") if defined $schema->{minimum} && $value < $schema->{minimum};
	complain($where, "is $value, above $schema->{maximum}") if defined $schema->{maximum} && $value > $schema->{maximum};
	complain($where, "is $value, which does not fit") if $schema->{pattern} && $value !~ /$schema->{pattern}/;
	if ($is eq 'array') {
		check("$where\[$_]", $schema->{items}, $value->[$_]) for 0 .. $#$value;
	} elsif ($is eq 'object') {
		my $properties = $schema->{properties};

		exists $value->{$_} or complain("$where.$_", 'is missing') for @{$schema->{required}};
		$properties->{$_} or complain("$where.$_", 'is not in the schema') for sort keys %$value;
		$properties->{$_} and check("$where.$_", $properties->{$_}, $value->{$_}) for sort keys %$value;
	}
}

open my $file, '<', $ARGV[0] or die "$ARGV[0]: $!\n";
local $/;
my $schema = decode_json(<$file>);
check('', $schema, decode_json(<STDIN>));
exit $wrong;
