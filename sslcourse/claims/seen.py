"""What the runs showed that a verdict does not say, and that a reader of it should know.

Unlike the claims themselves this was written when the runs were known. It decides nothing, and no row depends on it.
"""

# By scale and claim: of seeds 1 to 6 on the drawn objects, if nothing else is said.
SEEN = {
    "cpu": {
        "patches-give-detail": (
            "That the class token's loss gives semantics holds: kNN accuracy is .17 to .24 above that of patches "
            "alone. Contradicted is the detail, where little was to be gained: before training the patches of the "
            "ViT draw objects with a mean IoU of .72, after it with .74 to .75 in every arm on the mean, so that "
            "the .02 that count are most of what all training adds. With masked patches, as in iBOT, objects were "
            "drawn better in six of six pairs, by .001 to .010. On such large patches and simple objects this "
            "probe may not see the detail that the claim speaks of."
        ),
        "strides-lose-detail": (
            "Strides do cost something: the dilated network drew objects better in six of six pairs, by .000 to "
            ".019, which is less than counts. Little was to be gained: before training the ViT has a mean IoU of "
            ".72 and the strided network .73, after it .75 and .76. And the networks differ first in how much "
            "they learned of classes in as many steps: kNN accuracy .37 to .48 for the ViT with the class token "
            "alone, .86 to .93 for the strided network."
        ),
        "attention-marks-objects": (
            "In five of six runs attention marks the object: the half that gets most of it held more of the object "
            "than a random half, by .33 to .43, and its Jaccard index was above the rule that compares colours, by "
            ".07 to .14, and above the untrained network, by .17 to .37. In the sixth it was below all three. With "
            "six pairs one such run is enough to leave the verdict open. In shorter runs at a lower rate (the first "
            "form of this claim, on another machine) three of six were above the rule of colours. On photographs the "
            "networks without labels knew no more of classes than before training (kNN .24 to .27; the same network "
            "untrained has .26), so that those rows say where such a network looks, not one that has learned."
        ),
        "removal-accuracy": (
            "Mean kNN accuracy was .583 with nothing removed (.543 in equal time), .516 with random patches removed, "
            ".507 with low and .463 with high attention removed. Removing low attention was better than removing "
            "high in six of six pairs, by .02 to .08, and no better than removing at random. So it costs most to lose "
            "the whole attended half, and nothing was gained by keeping it whole. In equal steps losing any half "
            "costs accuracy: with low attention removed .00 to .08 in five pairs and .22 in one. In equal time half of "
            "the pairs went either way. Shorter runs at a lower rate (the first form of this claim, on another "
            "machine) had -.05 on the mean and told low from high removal in no direction. On photographs no arm ended "
            "above its start (.24 to .26 on the mean; the same network untrained has .26), and those with half "
            "removed ended .02 below it."
        ),
        "removal-training-speed": (
            "Half of the patches go, and a step is a fifth faster: the teacher and the small crops see all of "
            "theirs, and counted operations allow .26. Where the decoder then paints what was removed, nothing "
            "is left of it (-.02, where operations allow .14). The timed process had one core, another like it "
            "the other."
        ),
        "removal-inference-speed": (
            "A teacher that chooses has looked at the whole picture first: features take 1.8 times as long. "
            "Dropped inside the network, by its own attention in the first block, the same half makes them .17 "
            "faster (operations allow .31), and kNN accuracy moved by -.07 to +.02."
        ),
        "reconstruction-occlusion": (
            "The decoders learned little: at the end of training the error of removed patches was above .95 in "
            "four of six runs with low attention removed, and .76 and .80 in the others, where 1 is that of a "
            "patch painted in its own mean colour. In these two the effect was -.05 and +.00. So the verdict is "
            "on so much reconstruction as such short runs learn, and on none that paints well. Longer runs, each "
            "arm at a rate of its own and decoders at five times that, were given up after four pairs: those "
            "decoders painted no better, with errors of .79 to .99. Their rows are kept and not counted, here and "
            "under claims 8 to 13. On photographs no arm without labels had learned anything that kNN sees (.24 to "
            ".26 on the mean; an untrained network has about .245), so that the shares left there are shares of little."
        ),
        "reconstruction-corruption": (
            "The decoders learned little, as under claim 7: in four of six runs hardly more than each patch's "
            "mean colour. With random or high attention removed the mean effect points the way the claim says, as "
            "the rows below the first show, and is smaller than what counts."
        ),
        "regular-scenes": (
            "There was nothing to profit from: with reconstruction kNN accuracy was .383 in place of .381 on "
            "regular backgrounds and .414 in place of .426 on clutter. The decoders had learned next to nothing: "
            "with random patches removed, their error on held-out pictures was .98 to .99 of the patches' "
            "variance in every family. So the verdict is on so much reconstruction as such short runs learn."
        ),
        "all-three": (
            "Every arm learned (.35 to .45; the class token alone has .239 before training, with seed 0). Nothing "
            "added is best half way and at the end, and the whole is last or next to last."
        ),
        "without-removal": (
            "With reconstruction on in both arms a step is a third faster with removal, for then the decoder "
            "paints half of the patches in place of all. Beside neither removal nor reconstruction it is a "
            "fifth faster. The price, as under claim 10, is .05 of kNN accuracy."
        ),
        "without-patches": (
            "All eight arms draw objects alike, .740 to .750 on the mean, and did so half way. An untrained "
            "network has about .72 (claim 2): .02 is most of what all training adds, and a linear probe of places "
            "of 8 pixels may see no more. On parts the arms have .050 to .069, so that the .014 that distilled "
            "patches cost there, in six of six pairs, is small by the line drawn before and a fifth of what there "
            "is."
        ),
        "without-reconstruction": (
            "With all three on, the error of removed patches ended at .84 to .88 of what each patch's mean colour "
            "leaves: little was learned of painting. With nothing removed all patches are painted, seen ones "
            "included, and the error ended at .48 to .71."
        ),
        "simclr-negatives": (
            "What collapses are the projections. In the features before the head kNN accuracy is still .19 on "
            "drawn objects, where a guess is right in .07, and .19 on photographs, where it is in .10."
        ),
        "byol-target": (
            "Contradicted is the reason. That BYOL does not collapse holds with BatchNorm in its heads (kNN +.21 "
            "above the untrained network); with GroupNorm the projections of every arm, BYOL's own too, ended on "
            "one point (cosine 1.00), so that the contrast with GroupNorm compares networks whose projections "
            "collapsed. Without the predictor there are two kinds of runs: two fell below the untrained network (.15 "
            "and .14), four learned (.39 to .42) and stayed .02 to .09 below those without an EMA. Their projections "
            "were partly collapsed (cosine of two pictures .46 to .93)."
        ),
        "batch-size": (
            "If anything it is the other way round: from 256 to 16 pictures BYOL fell by .042 on the mean (.545 "
            "to .503), SimCLR by .016 (.767 to .751), and BYOL fell more in four of six pairs. Down to 64 "
            "SimCLR fell by .008 and BYOL not at all. With GroupNorm in the heads BYOL has .25 at either size, "
            "as the untrained network has: it had nothing to lose, and the contrast that has it says nothing of "
            "BYOL."
        ),
        "fewer-transformations": (
            "SimCLR falls from .687 to .188, BYOL from .445 to .211, and the untrained network has .255: both "
            "lose all that they had gained. Of the difference between the two falls, .265, SimCLR's higher start "
            "is .242."
        ),
        "too-hard-or-too-easy": (
            "Contradicted is the reason. That SimCLR suffers holds: its kNN accuracy falls from .687 to .184, "
            "below the untrained network's .255, while it finds the other view of .86 of the views in place of "
            ".19."
        ),
        "local-crops-apart": (
            "It depends on what is pushed apart. Pushed by their cosine, crops that share nothing came out less "
            "alike by .13, in six of six runs; by the learned affinity, which the method has and the verdict is "
            "on, less alike in three runs and more alike in three. Parts were hardly drawn at all, .06 to .10 of "
            "mean IoU in every arm, so that the .02 that count are a quarter of what there is: with a tenth of "
            "the weight they rose by .003 to .017 in six of six runs, which is less. kNN accuracy of whole "
            "pictures moved by -.04 to +.14."
        ),
        "all-crops-together": (
            "What was found is that features are worse, not that the solution is trivial: with as much attraction "
            "as all other together kNN accuracy was .35 to .49 in place of .46 to .69, still above that of an "
            "untrained network (about .24), and with a tenth of it no difference was shown. Without negatives the "
            "networks had hardly learned even with nothing added (.19 to .28), so that their contrast says little "
            "on what attraction does to features."
        ),
    }
}


def seen_in_runs(name: str, scale: str) -> str:
    """What the runs of a claim showed at a scale; "" where nothing is written.

    >>> seen_in_runs("simclr-negatives", "cpu")[:36], seen_in_runs("simclr-negatives", "gpu")
    ('What collapses are the projections. ', '')
    """
    return SEEN.get(scale, {}).get(name, "")
